package recorder

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"

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
	b = optionalInt(b, `,"max_bytes":`, d.MaxBytes)
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
	b = flag(b, `,"outlive":true`, o.Outlive)
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
