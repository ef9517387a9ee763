package aws

import (
	"net/url"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// arns derives from the parameters of a call the ARNs of what it is about. It
// must not miss one for what a hostile client writes beside it: what only may
// be a resource is told as well, and where something could be missing the
// whole service is.
type arns struct {
	*plan
	partition, region string
	account           string
	here              [ambients]string // what stands for ambient variables
	values            []texts          // of the parameters that may stand for a variable, as plan.params
	extra             []texts          // what may do so too: under names that are nearly the same, or that the model lacks; nil where there is none
	given             texts            // parameters that are ARNs
	sure              texts            // those of them that are in a place for resources
	sources           texts            // ARNs of what is only read, though the call writes
	folds             bool             // the target may take a path for one without empty and dot segments
	told, lost        bool             // what it is about is known; something may be missing
}

// texts are texts, each once.
type texts struct {
	list []string
	has  map[string]bool // nil while the list is short
}

func (t *texts) holds(s string) bool {
	if t.has != nil {
		return t.has[s]
	}
	return slices.Contains(t.list, s)
}

func (t *texts) add(s string) {
	if t.holds(s) {
		return
	}
	t.list = append(t.list, s)
	switch {
	case t.has != nil:
		t.has[s] = true
	case len(t.list) > 16:
		t.has = make(map[string]bool, 4*len(t.list))
		for _, have := range t.list {
			t.has[have] = true
		}
	}
}

// name adds one of the values of a parameter.
func (t *texts) name(s string) {
	if len(t.list) < maxNames {
		t.add(s)
	}
}

// maxNames bounds how many values are kept for one parameter: one more than
// are told, so that more are noticed.
const maxNames = maxObjects + 1

func newARNs(of *plan, region, account string) *arns {
	a := &arns{plan: of, partition: "aws", region: region, account: account, values: make([]texts, len(of.params))}
	switch {
	case strings.HasPrefix(region, "cn-"):
		a.partition = "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		a.partition = "aws-us-gov"
	}
	a.here = [ambients]string{ambientPartition: a.partition, ambientRegion: a.region, ambientAccount: a.account}
	return a
}

// maxName is the most bytes that a resource's name is taken to have.
const maxName = 2048

// add takes in one parameter.
func (a *arns) add(l *wire.Leaf) {
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
	param, candidate := a.index[name]
	cousin := a.cousin(name)
	if !candidate {
		a.aside(service, name, l)
	}
	if len(l.Value) > maxName || l.Sensitive {
		a.lost = a.lost || candidate || cousin >= 0 || len(l.Value) > maxName && special(service, name)
		return
	}
	if a.special(service, name, l.Value, true) {
		return
	}
	if isARN(l.Value) {
		a.give(l.Value, (candidate || cousin >= 0 || placed(name)) && (l.Key || len(l.Keys) == 0))
		return
	}
	if a.folds && service == "s3" && name == "key" && candidate {
		if other := folded(l.Value); other != l.Value {
			a.another(param, other)
		}
	}
	switch {
	case name == "name" && strings.ContainsAny(l.Path, ".["): // of something inside
	case candidate:
		a.values[param].name(a.plain(service, name, l.Value))
	case cousin >= 0:
		a.another(cousin, a.plain(service, a.params[cousin], l.Value))
	}
}

// stranger takes in a parameter that the model does not know, by any of the
// names that lead to it: targets may know it, or read it without regard to
// case or to an index.
func (a *arns) stranger(l *wire.Leaf) {
	long, service := len(l.Value) > maxName, a.op.Service.Name
	for _, key := range append([]string{l.Name}, l.Keys...) {
		for name := range strings.SplitSeq(strings.ToLower(key), ".") {
			if name == "name" && !strings.EqualFold(l.Path, name) {
				continue
			}
			param, candidate := a.index[name]
			if !candidate {
				param = a.cousin(name)
			}
			switch {
			case param < 0 && !special(service, strings.ToLower(key)):
				continue
			case long || param < 0:
			case !isARN(l.Value):
				a.another(param, a.plain(service, a.params[param], l.Value))
			}
			a.lost = true
		}
	}
	if !long && !a.special(service, strings.ToLower(l.Name), l.Value, false) && isARN(l.Value) {
		a.give(l.Value, false)
	}
}

// another notes what may be a value of a parameter too.
func (a *arns) another(param int, value string) {
	if a.extra == nil {
		a.extra = make([]texts, len(a.params))
	}
	a.extra[param].name(value)
}

func (a *arns) give(arn string, sure bool) {
	a.given.name(arn)
	if sure {
		a.sure.add(arn)
	}
}

// objects returns what the call is about: at least the service itself.
func (a *arns) objects(e protocol.Effects) []protocol.Object {
	var seen texts
	for i := range a.templates {
		a.fill(&a.templates[i], false, "", &seen)
	}
	if len(seen.list) == 0 {
		for i := range a.templates {
			a.fill(&a.templates[i], true, "", &seen)
		}
	}
	var read texts
	for _, arn := range a.sources.list {
		if !seen.holds(arn) {
			read.add(arn)
		}
	}
	told := a.told || len(seen.list) > 0
	for _, arn := range a.given.list {
		told = told || a.sure.holds(arn) && (len(a.templates) == 0 || slices.ContainsFunc(a.templates, func(t template) bool { return alike(t.text, arn) }))
		seen.add(arn)
	}
	a.fillExtra(&seen)
	if !told || a.lost {
		seen.add("arn:" + a.partition + ":" + a.op.Service.SigningName + ":" + a.region + ":" + a.account + ":*")
	}
	slices.Sort(seen.list)
	list := make([]protocol.Object, len(seen.list))
	for i, arn := range seen.list {
		list[i] = protocol.Object{Kind: "arn", Name: arn, Effects: e}
		if read.holds(arn) {
			list[i].Effects = protocol.Read
		}
	}
	return list
}

// tables returns the names of DynamoDB's tables among what the call is about.
func (a *arns) tables() []string {
	var list []string
	if param, ok := a.index["tablename"]; ok {
		list = append(list, a.values[param].list...)
		if a.extra != nil {
			list = append(list, a.extra[param].list...)
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
func (a *arns) fillExtra(into *texts) {
	if a.extra == nil {
		return
	}
	var found texts
	for _, parts := range []bool{false, true} {
		for i := range a.templates {
			t := &a.templates[i]
			for j := range t.parts {
				if p := &t.parts[j]; p.ambient == notAmbient && len(a.extraOf(p)) > 0 {
					a.fill(t, parts, p.variable, &found)
				}
			}
		}
		if len(found.list) > 0 {
			break
		}
	}
	for _, arn := range found.list {
		into.add(arn)
	}
}

// extraOf returns what may stand for a variable too.
func (a *arns) extraOf(p *part) (list []string) {
	for _, param := range p.params {
		list = append(list, a.extra[param].list...)
	}
	return list
}

// fill adds the ARNs that a template makes with all values of its variables.
// Where one has no value there are none, or, where parts will do and another
// has one, "*" stands for it. With the name of a variable as extra it takes
// what may stand for variables too, and for this one nothing else.
func (a *arns) fill(t *template, parts bool, extra string, into *texts) {
	if len(into.list) > maxObjects {
		a.lost = true
		return
	}
	var room [256]byte
	begin := room[:0] // of all that are made, as long as they differ in nothing
	var made []string
	found := t.fixed
	for i := range t.parts {
		p := &t.parts[i]
		values := a.valuesOf(p, extra)
		if p.ambient == notAmbient {
			found = found || len(values) > 0
			if parts && len(values) == 0 {
				values = []string{"*"}
			}
		}
		switch {
		case len(values) == 0:
			return
		case len(values) == 1 && made == nil:
			begin = append(append(begin, p.literal...), values[0]...)
			continue
		case made == nil:
			made = []string{string(begin)}
		}
		var next []string
		for _, one := range made {
			for _, v := range values {
				if len(into.list)+len(next) > maxObjects {
					a.lost = true
					break
				}
				next = append(next, one+p.literal+v)
			}
		}
		made = next
	}
	switch {
	case !found:
		return
	case made == nil:
		into.add(string(begin))
	}
	for _, arn := range made {
		into.add(arn)
	}
}

// valuesOf returns what stands for a variable, see fill. The caller must not
// append to it.
func (a *arns) valuesOf(p *part, extra string) []string {
	if p.ambient != notAmbient {
		return a.here[p.ambient : p.ambient+1]
	}
	if extra == p.variable {
		return a.extraOf(p)
	}
	// A thing's name is what it is called by where nothing else says so.
	var list []string
	for _, param := range p.params {
		switch values := a.values[param].list; {
		case len(list) == 0:
			list = values[:len(values):len(values)]
		case a.params[param] != "name":
			list = append(list, values...)
		}
	}
	if extra != "" {
		list = append(list, a.extraOf(p)...)
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

func unescaped(s string) string {
	if plain, err := url.PathUnescape(s); err == nil {
		return plain
	}
	return s
}
