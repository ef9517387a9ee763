package recorder

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// encoder writes event headers as JSON with fixed field order, equal to what
// encoding/json would read back, without reflection or allocation.
type encoder struct {
	effects [int(protocol.Everything) + 1]string
}

func newEncoder() *encoder {
	e := new(encoder)
	for i := range e.effects {
		e.effects[i] = protocol.Effects(i).String()
	}
	return e
}

func (c *encoder) event(b []byte, e *Event) []byte {
	b = append(b, `{"session":`...)
	b = appendString(b, e.Session)
	b = appendUint(b, `,"seq":`, e.Seq)
	b = appendUint(b, `,"pos":`, e.Pos)
	b = append(b, `,"time":`...)
	b = appendTime(b, e.Time)
	b = append(b, `,"kind":`...)
	b = appendString(b, string(e.Kind))
	if e.Exchange != 0 {
		b = appendUint(b, `,"exchange":`, uint64(e.Exchange))
	}
	if e.Opened != nil {
		b = appendOpened(append(b, `,"opened":`...), e.Opened)
	}
	if e.Operation != nil {
		b = c.operation(append(b, `,"operation":`...), e.Operation)
	}
	b = optional(b, `,"key":`, e.OpKey)
	if e.Decision != nil {
		b = appendDecision(append(b, `,"decision":`...), e.Decision)
	}
	if e.Part != nil {
		b = appendPart(append(b, `,"part":`...), e.Part)
	}
	if e.Note != nil {
		b = c.note(append(b, `,"note":`...), e.Note)
	}
	if e.Outcome != nil {
		b = appendOutcome(append(b, `,"outcome":`...), e.Outcome)
	}
	return append(b, '}')
}

func (c *encoder) operation(b []byte, o *protocol.Operation) []byte {
	b = append(b, `{"verb":`...)
	b = appendString(b, o.Verb)
	b = optional(b, `,"text":`, o.Text)
	if len(o.Params) > 0 {
		b = append(b, `,"params":[`...)
		for i := range o.Params {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendParam(b, &o.Params[i])
		}
		b = append(b, ']')
	}
	b = append(b, `,"effects":"`...)
	b = append(b, c.effects[o.Effects&protocol.Everything]...)
	b = append(b, '"')
	b = c.objects(b, o.Objects)
	if o.Parent != 0 {
		b = appendUint(b, `,"parent":`, uint64(o.Parent))
	}
	if o.Origin != 0 {
		b = optional(b, `,"origin":`, o.Origin.String())
	}
	b = optional(b, `,"refuse":`, o.Refuse)
	b = flag(b, `,"prepare":true`, o.Prepare)
	b = optional(b, `,"remark":`, o.Remark)
	return append(b, '}')
}

func appendParam(b []byte, p *protocol.Param) []byte {
	b = append(b, `{"name":`...)
	b = appendString(b, p.Name)
	b = optional(b, `,"type":`, p.Type)
	b = optional(b, `,"value":`, p.Value)
	if len(p.Raw) > 0 {
		b = append(b, `,"raw":"`...)
		b = base64.StdEncoding.AppendEncode(b, p.Raw)
		b = append(b, '"')
	}
	b = flag(b, `,"null":true`, p.Null)
	b = flag(b, `,"masked":true`, p.Masked)
	return append(b, '}')
}

func (c *encoder) objects(b []byte, objects []protocol.Object) []byte {
	if len(objects) == 0 {
		return b
	}
	b = append(b, `,"objects":[`...)
	for i := range objects {
		o := &objects[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"kind":`...)
		b = appendString(b, o.Kind)
		b = append(b, `,"name":`...)
		b = appendString(b, o.Name)
		b = append(b, `,"effects":"`...)
		b = append(b, c.effects[o.Effects&protocol.Everything]...)
		b = append(b, '"')
		b = flag(b, `,"resolved":true`, o.Resolved)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendDecision(b []byte, d *protocol.Decision) []byte {
	b = append(b, `{"verdict":"`...)
	b = append(b, d.Verdict.String()...)
	b = append(b, '"')
	b = optional(b, `,"rule":`, d.Rule)
	b = optional(b, `,"reason":`, d.Reason)
	b = optional(b, `,"by":`, d.By)
	b = flag(b, `,"observed":true`, d.Observed)
	b = optional(b, `,"policy":`, d.Policy)
	b = appendStrings(b, `,"approvers":[`, d.Approvers)
	b = optionalInt(b, `,"timeout":`, int64(d.Timeout))
	return append(b, '}')
}

func appendPart(b []byte, p *Part) []byte {
	b = append(b, `{"kind":`...)
	b = appendString(b, p.Kind)
	if p.Shape != 0 {
		b = appendUint(b, `,"shape":`, p.Shape)
	}
	b = optionalInt(b, `,"units":`, p.Units)
	b = optionalInt(b, `,"masked":`, int64(p.Masked))
	b = flag(b, `,"withheld":true`, p.Withheld)
	b = optionalInt(b, `,"length":`, p.Length)
	b = optional(b, `,"digest":`, p.Digest)
	return append(b, '}')
}

func (c *encoder) note(b []byte, n *Note) []byte {
	b = append(b, `{"kind":`...)
	b = appendString(b, n.Kind)
	b = optional(b, `,"text":`, n.Text)
	if n.Shape != 0 {
		b = appendUint(b, `,"shape":`, n.Shape)
	}
	b = c.objects(b, n.Objects)
	b = flag(b, `,"withheld":true`, n.Withheld)
	return append(b, '}')
}

func appendOutcome(b []byte, o *protocol.Outcome) []byte {
	b = append(b, `{"result":"`...)
	b = append(b, o.Result.String()...)
	b = append(b, '"')
	b = optional(b, `,"code":`, o.Code)
	b = optional(b, `,"text":`, o.Text)
	b = optionalInt(b, `,"units":`, o.Units)
	return append(b, '}')
}

func appendOpened(b []byte, o *Opened) []byte {
	b = append(b, `{"gateway":`...)
	b = appendString(b, o.Gateway)
	b = optional(b, `,"protocol":`, o.Protocol)
	b = optional(b, `,"target":`, o.Target)
	b = optional(b, `,"address":`, o.Address)
	b = optional(b, `,"remote":`, o.Remote)
	b = optional(b, `,"listener":`, o.Listener)
	if !emptyPrincipal(&o.Principal) {
		b = appendPrincipal(append(b, `,"principal":`...), &o.Principal)
	}
	b = optional(b, `,"scheme":`, o.Scheme)
	b = optional(b, `,"credential":`, o.Credential)
	b = optional(b, `,"policy":`, o.Policy)
	b = optional(b, `,"durability":`, o.Durability)
	b = flag(b, `,"observe":true`, o.Observe)
	b = optional(b, `,"user":`, o.User)
	b = appendMap(b, `,"details":{`, o.Details)
	return append(b, '}')
}

func emptyPrincipal(p *identity.Principal) bool {
	return p.Issuer == "" && p.Subject == "" && p.Name == "" && len(p.Groups) == 0 &&
		len(p.Attributes) == 0 && p.OnBehalfOf == "" && p.Expires.IsZero()
}

func appendPrincipal(b []byte, p *identity.Principal) []byte {
	b = append(b, `{"issuer":`...)
	b = appendString(b, p.Issuer)
	b = append(b, `,"subject":`...)
	b = appendString(b, p.Subject)
	b = optional(b, `,"name":`, p.Name)
	b = appendStrings(b, `,"groups":[`, p.Groups)
	b = appendMap(b, `,"attributes":{`, p.Attributes)
	b = optional(b, `,"on_behalf_of":`, p.OnBehalfOf)
	if !p.Expires.IsZero() {
		b = appendTime(append(b, `,"expires":`...), p.Expires)
	}
	return append(b, '}')
}

func appendMap(b []byte, name string, m map[string]string) []byte {
	if len(m) == 0 {
		return b
	}
	b = append(b, name...)
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, k)
		b = append(b, ':')
		b = appendString(b, m[k])
	}
	return append(b, '}')
}

func appendStrings(b []byte, name string, list []string) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, name...)
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}

func appendUint(b []byte, name string, n uint64) []byte {
	return strconv.AppendUint(append(b, name...), n, 10)
}

func optionalInt(b []byte, name string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, name...), n, 10)
}

func optional(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, name...), s)
}

func flag(b []byte, text string, on bool) []byte {
	if !on {
		return b
	}
	return append(b, text...)
}

// appendTime writes RFC 3339 in UTC with nanoseconds. A year that the format
// cannot hold, such as in the expiry of a hostile token, becomes the nearest
// one that it can.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch y := t.Year(); {
	case y < 0:
		t = time.Time{}
	case y > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// Strings may hold bytes that are not UTF-8, which JSON cannot. Such a byte
// 0xNN is written as the lone surrogate \udcNN (as Python's surrogateescape
// has it). The reader carries it through encoding/json as the private rune
// U+10FFNN; those runes themselves are written as four escaped bytes, so that
// every string comes back as it was.
const (
	carrierLow  = 0x10FF80
	carrierHigh = 0x10FFFF
)

const hexDigits = "0123456789abcdef"

// plainWord reports whether the eight bytes of s stand in JSON as they are:
// none is below a space, a quote, a backslash or above ASCII. It looks at all
// at once: a byte that is in the way leaves its high bit set after one of the
// subtractions. A borrow may set others too; then the bytes are looked at one
// by one for nothing.
func plainWord(s string) bool {
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return (x|(x-ones*' ')|(quote-ones)|(slash-ones))&high == 0
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		for i+8 <= len(s) && plainWord(s[i:i+8]) {
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\t':
				b = append(b, '\\', 't')
			case '\r':
				b = append(b, '\\', 'r')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if (r != utf8.RuneError || n > 1) && (r < carrierLow || r > carrierHigh) {
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		for ; n > 0; n-- {
			b = append(b, '\\', 'u', 'd', 'c', hexDigits[s[i]>>4], hexDigits[s[i]&15])
			i++
		}
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
