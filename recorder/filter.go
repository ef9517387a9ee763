package recorder

import (
	"path"
	"slices"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Filter picks sessions. What is left empty matches everything; the strings
// are patterns as in path.Match, or the very text.
type Filter struct {
	// Principal matches a principal's name, subject, "issuer|subject" or
	// the person on whose behalf it works.
	Principal string
	// Target matches the target's name.
	Target string
	// From and Until pick sessions with an event in that time; Until itself is
	// not in it.
	From, Until time.Time
	// Verb and Outcome pick sessions with an operation that has that verb and
	// ended so.
	Verb    string
	Outcome []protocol.Result
}

// Matches reports whether a session that was opened so has the principal and
// the target that f asks for.
func (f *Filter) Matches(o *Opened) bool {
	if o == nil {
		return f.Principal == "" && f.Target == ""
	}
	return f.principal(&o.Principal) && match(f.Target, o.Target)
}

func (f *Filter) operations() bool { return f.Verb != "" || len(f.Outcome) > 0 }

func (f *Filter) principal(p *identity.Principal) bool {
	if f.Principal == "" {
		return true
	}
	for _, s := range []string{p.Name, p.Subject, p.ID(), p.OnBehalfOf} {
		if s != "" && match(f.Principal, s) {
			return true
		}
	}
	return false
}

func (f *Filter) times(first, last time.Time) bool {
	return (f.From.IsZero() || !last.Before(f.From)) && (f.Until.IsZero() || first.Before(f.Until))
}

func (f *Filter) outcome(r protocol.Result) bool {
	return len(f.Outcome) == 0 || slices.Contains(f.Outcome, r)
}

func match(pattern, s string) bool {
	if pattern == "" || pattern == s {
		return true
	}
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}
