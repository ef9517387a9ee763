package sql

import "slices"

// facts are what Expose needs to know of a statement, kept instead of the
// parser's tree.
type facts struct {
	relations []relationUse
	aliases   []string // names that could stand for a whole row
	mentions  []mention
	calls     []call

	stores  bool   // what it reads is written somewhere
	copyOut bool   // its rows leave by COPY
	hidden  string // nonempty: what it reads or runs cannot be seen, says what it is
	unknown bool   // rows come from a statement that the text does not hold
	commits bool   // deferred checks may run and complain
}

// relationUse is one place where a statement names a relation.
type relationUse struct {
	schema, name string
	// visible: its columns can be named; stored: in what is written somewhere.
	visible, stored bool
	// changed: the statement defines or alters it.
	changed bool
}

// mention is one column name that a statement refers to.
type mention struct {
	name string
	// star stands for all columns, or for columns that cannot be told.
	star bool
	// attribute: "x.name" or "(x).name", which can also be a call of a function
	// with the whole row x.
	attribute bool
	// excluded: the row that ON CONFLICT could not insert; the client's own,
	// unless something else in the statement goes by that name.
	excluded bool
	// stored: in what is written somewhere.
	stored bool
	// plain: the mention is an output column as it is.
	plain bool
}

type call struct {
	name  string
	class class
}

func (f *facts) mention(m mention) {
	if !slices.Contains(f.mentions, m) {
		f.mentions = append(f.mentions, m)
	}
}

func (f *facts) alias(name string) {
	if name != "" && !slices.Contains(f.aliases, name) {
		f.aliases = append(f.aliases, name)
	}
}

func (f *facts) relation(r relationUse) {
	if !slices.Contains(f.relations, r) {
		f.relations = append(f.relations, r)
	}
}

func (f *facts) call(c call) {
	if !slices.Contains(f.calls, c) {
		f.calls = append(f.calls, c)
	}
}
