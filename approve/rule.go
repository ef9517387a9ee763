package approve

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// rule is a compiled Rule.
type rule struct {
	name, reason, source string

	principals, groups, targets, verbs []glob
	objects                            []objectPattern

	effects   protocol.Effects // never zero: any is Everything
	anyEffect bool             // Effects was left zero
	verdict   protocol.Verdict
	approvers []string
	timeout   time.Duration
	most      int64 // MaxBytes
	optional  bool
}

func compile(i int, from *Rule, names map[string]bool) (rule, error) {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	title := fmt.Sprintf("rule %q", from.Name)
	switch {
	case from.Name == "":
		title = fmt.Sprintf("rule %d", i+1)
		wrong("it has no name; people need one to know why something was denied")
	case names[from.Name]:
		wrong("another rule has the same name")
	case protocol.Visible(from.Name) != from.Name:
		wrong("the name holds characters that cannot be seen")
	}
	names[from.Name] = true

	r := rule{
		name: from.Name, reason: from.Reason, source: title, effects: from.Effects,
		verdict: from.Verdict, timeout: from.Timeout, most: from.MaxBytes, optional: from.Optional,
	}
	globs := func(field string, list []string, fold bool) []glob {
		var out []glob
		for _, s := range list {
			switch {
			case s == "":
				wrong("%s has an empty entry; leave the list out to match everything", field)
			case !utf8.ValidString(s):
				wrong("%s: %q is not UTF-8", field, s)
			default:
				out = append(out, newGlob(s, fold))
			}
		}
		return out
	}
	r.principals = globs("Principals", from.Principals, false)
	r.groups = globs("Groups", from.Groups, false)
	r.targets = globs("Targets", from.Targets, false)
	r.verbs = globs("Verbs", from.Verbs, true)
	for _, s := range from.Objects {
		if !utf8.ValidString(s) {
			wrong("Objects: %q is not UTF-8", s)
			continue
		}
		o, err := newObjectPattern(s)
		if err != nil {
			wrong("Objects: an entry %w", err)
			continue
		}
		r.objects = append(r.objects, o)
	}

	if from.Effects&^protocol.Everything != 0 {
		wrong("Effects has bits that mean nothing: %#x", uint16(from.Effects&^protocol.Everything))
	}
	if r.effects == 0 {
		r.effects, r.anyEffect = protocol.Everything, true
	}
	switch {
	case from.MaxBytes < 0:
		wrong("MaxBytes is negative")
	case from.MaxBytes != 0 && from.Verdict == protocol.Deny:
		wrong("MaxBytes is for allow and ask rules; this one says deny")
	}
	switch from.Verdict {
	case protocol.Ask:
		if from.Timeout < 0 {
			wrong("Timeout is negative")
		}
		if slices.Contains(from.Approvers, "") {
			wrong("Approvers has an empty entry; leave the list out to ask all")
		}
		r.approvers = slices.Clone(from.Approvers)
	case protocol.Allow, protocol.Deny:
		if len(from.Approvers) > 0 {
			wrong("Approvers is for ask rules; this one says %s", from.Verdict)
		}
		if from.Timeout != 0 {
			wrong("Timeout is for ask rules; this one says %s", from.Verdict)
		}
	default:
		wrong("Verdict %d is none of Allow, Ask, Deny", uint8(from.Verdict))
	}
	if r.verdict == protocol.Deny && r.reason == "" {
		r.reason = "not permitted"
	}
	if len(errs) == 0 {
		return r, nil
	}
	for i, err := range errs {
		errs[i] = fmt.Errorf("%s: %w", title, err)
	}
	return r, errors.Join(errs...)
}

// applies reports whether the rule speaks of the principal, target and verb.
func (r *rule) applies(who *identity.Principal, target, verb string) bool {
	return matchAny(r.targets, target) && matchAny(r.verbs, verb) && r.means(who)
}

func (r *rule) means(who *identity.Principal) bool {
	if len(r.groups) > 0 {
		in := false
		for _, group := range who.Groups {
			if in = matchAny(r.groups, group); in {
				break
			}
		}
		if !in {
			return false
		}
	}
	for i := range r.principals {
		g := &r.principals[i]
		if g.match(who.Subject) || who.Name != "" && g.match(who.Name) || g.matchID(who.Issuer, who.Subject) {
			return true
		}
	}
	return len(r.principals) == 0
}

// known turns effect bits that this version does not know into Opaque.
func known(e protocol.Effects) protocol.Effects {
	if e&^protocol.Everything != 0 {
		e = e&protocol.Everything | protocol.Opaque
	}
	return e
}

// touches reports whether a deny or ask rule matches what the operation does,
// and how surely.
func (r *rule) touches(op *act) hit {
	if len(r.objects) == 0 {
		if r.anyEffect || (op.effects | op.carried).Any(r.effects) {
			return full
		}
		return miss
	}
	if op.effects.Any(protocol.Code | protocol.Opaque) {
		return full // whatever it names, it may reach other things too
	}
	// An effect that no object carries may be on any of them.
	loose := op.effects &^ op.carried
	most := miss
	for i := range op.objects {
		t := &op.objects[i]
		if !r.anyEffect && !(t.effects | loose).Any(r.effects) {
			continue
		}
		for j := range r.objects {
			h := r.objects[j].hits(t)
			if h == bySchema && op.names(t) {
				continue
			}
			if most = max(most, h); most == full {
				return full
			}
		}
	}
	return most
}

// act is what an operation does, in the form that rules look at.
type act struct {
	policy  *Policy
	who     *identity.Principal
	target  string
	verb    string
	effects protocol.Effects // as the operation states them
	carried protocol.Effects // those that its objects account for
	objects []touched
}

// names reports whether an allow rule that applies names the bare name itself:
// then the name is taken for what that rule means by it, and not for something
// else of a schema that is closed as a whole.
func (a *act) names(t *touched) bool {
	for i := range a.policy.allow {
		r := &a.policy.allow[i]
		for j := range r.objects {
			o := &r.objects[j]
			if !o.dots && o.exact() && o.covers(t) && r.applies(a.who, a.target, a.verb) {
				return true
			}
		}
	}
	return false
}

// digest hashes what rules say, each field with its length in front. The order
// of rules is part of it, as it decides which is named; that of lists is not.
func digest(rules []Rule) string {
	h := sha256.New()
	var buf []byte
	text := func(s string) {
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(s)))
		buf = append(buf, s...)
	}
	list := func(l []string) {
		l = slices.Clone(l)
		slices.Sort(l)
		l = slices.Compact(l)
		buf = binary.BigEndian.AppendUint64(buf, uint64(len(l)))
		for _, s := range l {
			text(s)
		}
	}
	text("sallyport policy 1")
	for i := range rules {
		r := &rules[i]
		text(r.Name)
		list(r.Principals)
		list(r.Groups)
		list(r.Targets)
		list(r.Verbs)
		list(r.Objects)
		list(r.Approvers)
		text(r.Effects.String())
		text(r.Verdict.String())
		text(r.Reason)
		buf = binary.BigEndian.AppendUint64(buf, uint64(r.Timeout))
		more := byte(0) // what came later is left out where it is not used, so that old digests stay
		if r.Optional {
			more |= 1
		}
		if r.MaxBytes != 0 {
			more |= 2
		}
		buf = append(buf, more)
		if r.MaxBytes != 0 {
			buf = binary.BigEndian.AppendUint64(buf, uint64(r.MaxBytes))
		}
		h.Write(buf)
		buf = buf[:0]
	}
	h.Write(buf)
	return hex.EncodeToString(h.Sum(nil))
}
