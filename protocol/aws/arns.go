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

// arns derives from the parameters of a call the ARNs of what it is about.
type arns struct {
	op                *model.Operation
	partition, region string
	account           string
	templates         []template
	values            map[string][]string // of the parameters that may stand for a variable, by lower-case name
	given             []string            // parameters that are ARNs
	sources           map[string]bool     // ARNs of what is only read, though the call writes
}

// template is one of the operation's, with the parameters that may stand for
// each of its variables, the likeliest first.
type template struct {
	text  string
	names map[string][]string
}

// maxNames bounds how many values are kept for one parameter.
const maxNames = maxObjects + 1

func newARNs(op *model.Operation, region, account string) *arns {
	a := &arns{op: op, partition: "aws", region: region, account: account, values: map[string][]string{}, sources: map[string]bool{}}
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
				a.values[c] = nil
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

// add takes in one parameter.
func (a *arns) add(l wire.Leaf) {
	if l.Value == "" || len(l.Value) > 2048 || l.Sensitive {
		return
	}
	name, service := strings.ToLower(l.Name), a.op.Service.Name
	if l.Key {
		// The keys of RequestItems are tables.
		if service != "dynamodb" || name != "requestitems" || strings.Count(l.Path, "[") > 1 {
			return
		}
		name = "tablename"
	}
	if a.special(service, name, l.Value) {
		return
	}
	if strings.HasPrefix(l.Value, "arn:") && strings.Count(l.Value, ":") >= 5 {
		a.give(l.Value)
		return
	}
	if name == "name" && strings.ContainsAny(l.Path, ".[") {
		return // the name of something inside
	}
	if list, ok := a.values[name]; ok && len(list) < maxNames {
		a.values[name] = append(list, a.plain(service, name, l.Value))
	}
}

func (a *arns) give(arn string) {
	if len(a.given) < maxNames {
		a.given = append(a.given, arn)
	}
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
	told := len(seen) > 0 || len(a.templates) == 0 && len(a.given) > 0
	for _, arn := range a.given {
		told = told || slices.ContainsFunc(a.templates, func(t template) bool { return alike(t.text, arn) })
		seen[arn] = true
	}
	if !told {
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
	list := slices.Clone(a.values["tablename"])
	for _, arn := range a.given {
		if _, name, ok := strings.Cut(arn, ":table/"); ok {
			name, _, _ = strings.Cut(name, "/")
			list = append(list, name)
		}
	}
	return list
}

// fill adds the ARNs that a template makes with all values of its variables.
// Where one has no value there are none, or, where parts will do and another
// has one, "*" stands for it.
func (a *arns) fill(t template, parts bool, into map[string]bool) {
	made, found := []string{""}, len(t.names) == 0
	for literal, name := range segments(t.text) {
		values := a.valuesOf(t, name)
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
	for _, c := range t.names[name] {
		if values := a.values[c]; len(values) > 0 {
			return values
		}
	}
	return nil
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
