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
	commits bool   // checks may run on tables that are not named, and complain
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

// maxFacts bounds how many different names of one sort a statement may hold:
// they are kept in lists and searched one by one. A statement with more is not
// understood.
const maxFacts = 1500

// add keeps each x once and reports whether there was room.
func add[T comparable](list *[]T, x T) bool {
	if slices.Contains(*list, x) {
		return true
	}
	if len(*list) >= maxFacts {
		return false
	}
	*list = append(*list, x)
	return true
}

func (w *walker) mention(m mention) { w.room(add(&w.st.facts.mentions, m)) }

func (w *walker) alias(name string) {
	if name != "" {
		w.room(add(&w.st.facts.aliases, name))
	}
}

func (w *walker) use(r relationUse) { w.room(add(&w.st.facts.relations, r)) }

func (w *walker) calls(c call) { w.room(add(&w.st.facts.calls, c)) }

func (w *walker) room(ok bool) {
	if !ok {
		w.everything("more names than are kept apart")
	}
}
