package approve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// objectPattern is a compiled entry of Rule.Objects.
type objectPattern struct {
	given string // without its kind
	kind  string // "" means any
	sql   bool   // a name with dots and quotes, as in SQL, rather than a path or an ARN
	dots  bool   // it has a dot outside of quotes

	// strict is for allow rules: letters outside of quotes are lower case, as
	// SQL folds them, and case counts. loose is for deny and ask rules.
	strict, loose glob
	// last is loose without its schema.
	last glob
	// plain is the pattern as it is, for objects whose names are not SQL's.
	plain, plainLoose glob
}

// What an object pattern may begin with, to hold for one kind only.
var objectKinds = [...]string{"table", "function", "path", "command", "subsystem", "address", "host", "url", "variable", "arn"}

// isSQL reports whether names of a kind have schemas and quotes. Kinds that
// are not known here may.
func isSQL(kind string) bool {
	return kind == "table" || kind == "function" || !slices.Contains(objectKinds[:], kind)
}

func newObjectPattern(s string) (objectPattern, error) {
	o := objectPattern{given: s}
	for _, kind := range objectKinds {
		if rest, ok := strings.CutPrefix(s, kind+":"); ok {
			o.kind, o.given = kind, rest
			break
		}
	}
	if o.kind == "arn" {
		o.given = s // an ARN's name begins with its kind
	}
	if o.given == "" {
		return o, errors.New("is empty")
	}
	o.plain, o.plainLoose = newGlob(o.given, false), newGlob(o.given, true)
	o.sql = o.kind == "table" || o.kind == "function" || o.kind == "" && !strings.ContainsAny(o.given, "/:")
	if !o.sql {
		o.strict, o.loose = o.plain, o.plainLoose
		return o, nil
	}
	var strict, last []rune
	quoted := false
	runes := []rune(o.given)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case r == '"' && quoted && i+1 < len(runes) && runes[i+1] == '"':
			i++
			strict, last = append(strict, r), append(last, r)
		case r == '"':
			quoted = !quoted
		case quoted:
			strict, last = append(strict, r), append(last, r)
		case r == '.':
			o.dots = true
			strict, last = append(strict, r), last[:0]
		default:
			r = foldRune(r)
			strict, last = appendGlob(strict, r), appendGlob(last, r)
		}
	}
	if quoted {
		return o, fmt.Errorf("%q has a quote that is not closed", s)
	}
	o.strict, o.loose, o.last = globOf(strict, false), globOf(strict, true), globOf(last, true)
	return o, nil
}

func (o *objectPattern) exact() bool { return !o.strict.wild() }

func (o *objectPattern) claimKind() string {
	switch {
	case o.kind != "":
		return o.kind
	case !o.sql:
		return "path"
	}
	return "table"
}

// touched is an object of an operation, with its name read once for all rules.
type touched struct {
	kind     string
	sql      bool   // its name has schemas and quotes
	raw      string // the name as it came
	name     string // without quotes
	last     string // name after its last dot
	deep     bool   // it has more than one dot
	effects  protocol.Effects
	resolved bool
}

func touch(list []touched, objects []protocol.Object) []touched {
	for i := range objects {
		obj := &objects[i]
		t := touched{kind: obj.Kind, sql: isSQL(obj.Kind), raw: obj.Name, name: obj.Name, effects: known(obj.Effects), resolved: obj.Resolved}
		if t.sql && strings.IndexByte(t.raw, '"') >= 0 {
			t.name = unquote(t.raw)
		}
		t.last = t.name[strings.LastIndexByte(t.name, '.')+1:]
		t.deep = strings.IndexByte(t.name, '.') < len(t.name)-len(t.last)-1
		list = append(list, t)
	}
	return list
}

// covers reports whether an allow rule with this pattern speaks of the object.
// Where the name leaves room it says no.
func (o *objectPattern) covers(t *touched) bool {
	if o.kind != "" && o.kind != t.kind {
		return false
	}
	if !o.sql || !t.sql {
		return o.plain.match(t.raw)
	}
	if o.strict.match(t.name) && (o.dots || o.strict.all() || !o.strict.wild()) {
		return true
	}
	// Without a schema a pattern means the default one, and its "*" does not
	// reach into others.
	return !o.dots && (t.last == t.name || t.last == strings.TrimPrefix(t.name, "public.")) && o.strict.match(t.last)
}

// hit says how sure it is that a pattern means an object.
type hit uint8

const (
	miss       hit = iota
	bySchema       // a bare name that the search path may lead into the pattern's schema
	byBareName     // the same, and the pattern has that very name in its schema
	full
)

// hits reports whether the object may be one that the pattern means, for deny
// and ask rules. Where the name leaves room it does not say miss.
func (o *objectPattern) hits(t *touched) hit {
	if o.kind != "" && o.kind != t.kind && slices.Contains(objectKinds[:], t.kind) {
		return miss
	}
	if !t.sql && o.plainLoose.match(t.raw) || t.sql && o.loose.match(t.raw) {
		return full
	}
	if !o.sql || !t.sql {
		return miss
	}
	if len(t.name) != len(t.raw) && o.loose.match(t.name) {
		return full
	}
	if len(t.last) == len(t.name) {
		// The pattern may have more in front than the name does. Bare function
		// names are mostly those of the system.
		switch {
		case !o.dots || t.resolved || !o.last.match(t.name) || t.kind == "function" && o.last.all():
			return miss
		case o.last.wild():
			return bySchema
		}
		return byBareName
	}
	// Or the name may have more in front than the pattern does.
	if o.loose.match(t.last) {
		return full
	}
	for rest := t.name; t.deep; {
		_, rest, _ = strings.Cut(rest, ".")
		if len(rest) == len(t.last) {
			break
		}
		if o.loose.match(rest) {
			return full
		}
	}
	return miss
}

// unquote takes the quotes of SQL off a name. A name in which they are not
// where SQL has them is returned as it is.
func unquote(name string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c != '"':
			b.WriteByte(c)
			continue
		case !quoted && (i == 0 || name[i-1] == '.'):
			quoted = true
		case !quoted:
			return name
		case i+1 == len(name) || name[i+1] == '.':
			quoted = false
		case name[i+1] == '"':
			i++
			b.WriteByte(c)
		default:
			return name
		}
	}
	if quoted {
		return name
	}
	return b.String()
}
