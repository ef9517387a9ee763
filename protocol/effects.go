package protocol

import (
	"fmt"
	"strings"
)

// Effects is a set of what an operation may do, as far as its meaning is
// understood. What is not understood counts as [Everything].
type Effects uint16

// The effects.
const (
	// Read returns data.
	Read Effects = 1 << iota
	// Write adds or changes data.
	Write
	// Destroy removes data or what holds it: DELETE, DROP, TRUNCATE, rm -rf.
	Destroy
	// Schema changes the shape of data: CREATE, ALTER, DROP.
	Schema
	// Access changes who may do what: GRANT, CREATE ROLE, chmod.
	Access
	// Credential reads or makes credentials.
	Credential
	// Code runs code whose effects cannot be seen from outside: DO blocks,
	// functions that are not known, interpreters, COPY TO PROGRAM.
	Code
	// Opaque means that part of the operation is not understood.
	Opaque

	// Everything is all effects at once.
	Everything = Read | Write | Destroy | Schema | Access | Credential | Code | Opaque
)

var effectNames = []string{"read", "write", "destroy", "schema", "access", "credential", "code", "opaque"}

// Has reports whether e holds all of want.
func (e Effects) Has(want Effects) bool { return e&want == want }

// Any reports whether e holds at least one of some.
func (e Effects) Any(some Effects) bool { return e&some != 0 }

// String lists the effects, joined by "+"; "none" for none and "everything"
// for all.
func (e Effects) String() string {
	switch e & Everything {
	case 0:
		return "none"
	case Everything:
		return "everything"
	}
	var b strings.Builder
	for i, name := range effectNames {
		if e&(1<<i) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('+')
		}
		b.WriteString(name)
	}
	return b.String()
}

// ParseEffects reads what [Effects.String] writes; commas and spaces serve as
// "+", and the empty string as "none".
func ParseEffects(s string) (Effects, error) {
	switch s {
	case "", "none":
		return 0, nil
	case "everything":
		return Everything, nil
	}
	var e Effects
	words := strings.FieldsFunc(s, func(r rune) bool { return r == '+' || r == ',' || r == ' ' })
	if len(words) == 0 {
		return 0, fmt.Errorf("%q names no effect", s)
	}
	for _, word := range words {
		found := false
		for i, name := range effectNames {
			if word == name {
				e |= 1 << i
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("unknown effect %q; the effects are %s, everything", word, strings.Join(effectNames, ", "))
		}
	}
	return e, nil
}

// MarshalText implements encoding.TextMarshaler.
func (e Effects) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (e *Effects) UnmarshalText(text []byte) error {
	v, err := ParseEffects(string(text))
	if err != nil {
		return err
	}
	*e = v
	return nil
}
