package aws

import (
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// arns derives from the parameters of a call the ARNs of what it is about. It
// must not miss one for what a hostile client writes beside it: what only may
// be a resource is told as well, and where something could be missing the
// whole service is.
type arns struct {
	op                *model.Operation
	partition, region string
	account           string
	templates         []template
	values            map[string]*names // of the parameters that may stand for a variable, by lower-case name
	extra             map[string]*names // what may do so too: under names that are nearly the same, or that the model lacks
	given             names             // parameters that are ARNs
	sure              map[string]bool   // those of them that are in a place for resources
	sources           map[string]bool   // ARNs of what is only read, though the call writes
	folds             bool              // the target may take a path for one without empty and dot segments
	told, lost        bool              // what it is about is known; something may be missing
}

// names are texts, each once.
type names struct {
	list []string
	has  map[string]bool
}

func (n *names) add(s string) {
	if n.has[s] || len(n.list) >= maxNames {
		return
	}
	if n.has == nil {
		n.has = map[string]bool{}
	}
	n.has[s] = true
	n.list = append(n.list, s)
}

// template is one of the operation's, with the parameters that may stand for
// each of its variables, the likeliest first.
type template struct {
	text  string
	names map[string][]string
}

// maxNames bounds how many values are kept for one parameter: one more than
// are told, so that more are noticed.
const maxNames = maxObjects + 1

func newARNs(op *model.Operation, region, account string) *arns {
	a := &arns{op: op, partition: "aws", region: region, account: account, values: map[string]*names{}, extra: map[string]*names{}, sure: map[string]bool{}, sources: map[string]bool{}}
	switch {
	case strings.HasPrefix(region, "cn-"):
		a.partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		a.partition = "aws-us-gov"
	}
	for _, text := range op.Resources {
		t := template{text, map[string][]string{}}
		for literal, name := range segments(text) {
			if ambient(name) {
				continue
			}
			t.names[name] = candidates(op, kindOf(literal), strings.ToLower(name))
			for _, c := range t.names[name] {
				a.values[c], a.extra[c] = &names{}, &names{}
			}
		}
		a.templates = append(a.templates, t)
	}
	return a
}

// ambient reports whether a variable is about where the call is made.
func ambient(name string) bool {
	return name == "" || name == "Partition" || name == "Region" || name == "Account"
}

// maxName is the most bytes that a resource's name is taken to have.
const maxName = 2048

// add takes in one parameter.
func (a *arns) add(l wire.Leaf) {
	if l.Value == "" {
		return
	}
	if l.Shape == nil {
		a.stranger(l)
		return
	}
	name, service := strings.ToLower(l.Name), a.op.Service.Name
	if l.Key {
		// The keys of RequestItems are tables.
		if service != "dynamodb" || name != "requestitems" || len(l.Keys) > 1 {
			return
		}
		name = "tablename"
	}
	_, candidate := a.values[name]
	cousin := a.cousin(name)
	if !candidate {
		a.aside(service, name, l)
	}
	if len(l.Value) > maxName || l.Sensitive {
		a.lost = a.lost || candidate || cousin != "" || len(l.Value) > maxName && special(service, name)
		return
	}
	if a.special(service, name, l.Value, true) {
		return
	}
	if isARN(l.Value) {
		a.give(l.Value, (candidate || cousin != "" || placed(name)) && (l.Key || len(l.Keys) == 0))
		return
	}
	if other := folded(l.Value); a.folds && service == "s3" && name == "key" && candidate && other != l.Value {
		a.extra[name].add(other)
	}
	switch {
	case name == "name" && strings.ContainsAny(l.Path, ".["): // of something inside
	case candidate:
		a.values[name].add(a.plain(service, name, l.Value))
	case cousin != "":
		a.extra[cousin].add(a.plain(service, cousin, l.Value))
	}
}

// stranger takes in a parameter that the model does not know, by any of the
// names that lead to it: targets may know it, or read it without regard to
// case or to an index.
func (a *arns) stranger(l wire.Leaf) {
	long, service := len(l.Value) > maxName, a.op.Service.Name
	for _, key := range append([]string{l.Name}, l.Keys...) {
		for name := range strings.SplitSeq(strings.ToLower(key), ".") {
			if name == "name" && !strings.EqualFold(l.Path, name) {
				continue
			}
			_, candidate := a.values[name]
			if !candidate {
				name = a.cousin(name)
			}
			switch {
			case name == "" && !special(service, strings.ToLower(key)):
				continue
			case long || name == "":
			case !isARN(l.Value):
				a.extra[name].add(a.plain(service, name, l.Value))
			}
			a.lost = true
		}
	}
	if !long && !a.special(service, strings.ToLower(l.Name), l.Value, false) && isARN(l.Value) {
		a.give(l.Value, false)
	}
}

// cousin returns the candidate that a longer name ends in, as SourceKeyId and
// TargetTableName do.
func (a *arns) cousin(name string) string {
	longest := ""
	for c := range a.values {
		if len(c) >= 5 && len(c) > len(longest) && len(c) < len(name) && strings.HasSuffix(name, c) {
			longest = c
		}
	}
	return longest
}

func (a *arns) give(arn string, sure bool) {
	a.given.add(arn)
	a.sure[arn] = a.sure[arn] || sure
}

// objects returns what the call is about: at least the service itself.
func (a *arns) objects(e protocol.Effects) []protocol.Object {
	seen := map[string]bool{}
	for _, t := range a.templates {
		a.fill(t, false, seen)
	}
	if len(seen) == 0 {
		for _, t := range a.templates {
			a.fill(t, true, seen)
		}
	}
	made := maps.Clone(seen)
	told := a.told || len(seen) > 0
	for _, arn := range a.given.list {
		told = told || a.sure[arn] && (len(a.templates) == 0 || slices.ContainsFunc(a.templates, func(t template) bool { return alike(t.text, arn) }))
		seen[arn] = true
	}
	a.fillExtra(seen)
	if !told || a.lost {
		seen["arn:"+a.partition+":"+a.op.Service.SigningName+":"+a.region+":"+a.account+":*"] = true
	}
	var list []protocol.Object
	for _, arn := range slices.Sorted(maps.Keys(seen)) {
		o := protocol.Object{Kind: "arn", Name: arn, Effects: e}
		if a.sources[arn] && !made[arn] {
			o.Effects = protocol.Read
		}
		list = append(list, o)
	}
	return list
}

// tables returns the names of DynamoDB's tables among what the call is about.
func (a *arns) tables() []string {
	var list []string
	for _, of := range []map[string]*names{a.values, a.extra} {
		if n := of["tablename"]; n != nil {
			list = append(list, n.list...)
		}
	}
	for _, arn := range a.given.list {
		if _, name, ok := strings.Cut(arn, ":table/"); ok {
			name, _, _ = strings.Cut(name, "/")
			list = append(list, name)
		}
	}
	return list
}

// fillExtra adds the ARNs that templates make with what may stand for their
// variables too.
func (a *arns) fillExtra(into map[string]bool) {
	found := map[string]bool{}
	for _, parts := range []bool{false, true} {
		for _, t := range a.templates {
			for name := range t.names {
				if extra := a.extraOf(t, name); len(extra) > 0 {
					a.make(t, parts, found, func(n string) []string {
						if n == name {
							return extra
						}
						return append(a.valuesOf(t, n), a.extraOf(t, n)...)
					})
				}
			}
		}
		if len(found) > 0 {
			break
		}
	}
	maps.Copy(into, found)
}

func (a *arns) extraOf(t template, name string) (list []string) {
	for _, c := range t.names[name] {
		list = append(list, a.extra[c].list...)
	}
	return list
}

// fill adds the ARNs that a template makes with all values of its variables.
// Where one has no value there are none, or, where parts will do and another
// has one, "*" stands for it.
func (a *arns) fill(t template, parts bool, into map[string]bool) {
	a.make(t, parts, into, func(name string) []string { return a.valuesOf(t, name) })
}

func (a *arns) make(t template, parts bool, into map[string]bool, of func(name string) []string) {
	made, found := []string{""}, len(t.names) == 0
	for literal, name := range segments(t.text) {
		values := of(name)
		if !ambient(name) {
			found = found || len(values) > 0
			if parts && len(values) == 0 {
				values = []string{"*"}
			}
		}
		var next []string
		for _, one := range made {
			for _, v := range values {
				if len(into)+len(next) > maxObjects {
					break
				}
				next = append(next, one+literal+v)
			}
		}
		made = next
	}
	if !found {
		return
	}
	for _, arn := range made {
		into[arn] = true
	}
}

// valuesOf returns what stands for a variable; no variable is nothing, once.
func (a *arns) valuesOf(t template, name string) []string {
	switch name {
	case "":
		return []string{""}
	case "Partition":
		return []string{a.partition}
	case "Region":
		return []string{a.region}
	case "Account":
		return []string{a.account}
	}
	// A thing's name is what it is called by where nothing else says so.
	var list []string
	for _, c := range t.names[name] {
		if c != "name" || len(list) == 0 {
			list = append(list, a.values[c].list...)
		}
	}
	return list
}

// alike reports whether an ARN is of the kind that a template makes.
func alike(template, arn string) bool {
	want, got := strings.SplitN(template, ":", 6), strings.SplitN(arn, ":", 6)
	if len(want) < 6 || len(got) < 6 || want[2] != got[2] {
		return false
	}
	kind, _, variable := strings.Cut(want[5], "${")
	return variable && strings.HasPrefix(got[5], kind) && (kind != "" || !strings.Contains(got[5], "/"))
}

// segments yields the text before each variable of a template with the
// variable's name, and the text behind the last with none.
func segments(template string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for rest := template; rest != ""; {
			literal, after, _ := strings.Cut(rest, "${")
			name, tail, _ := strings.Cut(after, "}")
			if !yield(literal, name) {
				return
			}
			rest = tail
		}
	}
}

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
