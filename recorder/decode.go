package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// eventHeader is the JSON header of an event; see encoder.event for its
// writing.
type eventHeader struct {
	Session   string              `json:"session"`
	Seq       uint64              `json:"seq"`
	Pos       uint64              `json:"pos"`
	Time      time.Time           `json:"time"`
	Kind      Kind                `json:"kind"`
	Exchange  protocol.ExchangeID `json:"exchange,omitempty"`
	Opened    *Opened             `json:"opened,omitempty"`
	Operation *protocol.Operation `json:"operation,omitempty"`
	Key       string              `json:"key,omitempty"`
	Decision  *protocol.Decision  `json:"decision,omitempty"`
	Part      *Part               `json:"part,omitempty"`
	Note      *Note               `json:"note,omitempty"`
	Outcome   *protocol.Outcome   `json:"outcome,omitempty"`
}

// decodeEvent reads an event from its record. The payload stays the record's.
func decodeEvent(r *record) (*Event, error) {
	if r.typ != typeEvent {
		return nil, fmt.Errorf("the record has type %d where an event was to be", r.typ)
	}
	if !utf8.Valid(r.header) {
		return nil, errors.New("the event's header is not UTF-8")
	}
	header, escaped := carryBytes(r.header)
	var h eventHeader
	if err := json.Unmarshal(header, &h); err != nil {
		return nil, fmt.Errorf("the event's header: %w", err)
	}
	if !validSessionID(h.Session) {
		return nil, errors.New("the event's session id is malformed")
	}
	e := &Event{
		Session: h.Session, Seq: h.Seq, Pos: h.Pos, Time: h.Time, Kind: h.Kind, Exchange: h.Exchange,
		Opened: h.Opened, Operation: h.Operation, OpKey: h.Key, Decision: h.Decision,
		Part: h.Part, Note: h.Note, Outcome: h.Outcome,
	}
	if len(r.payload) > 0 {
		e.Payload = r.payload
	}
	if escaped {
		restoreEvent(e)
	}
	return e, nil
}

// carryBytes makes the escapes of bytes that are not UTF-8, which
// encoding/json would lose, into escapes of the private runes that stand for
// them; see appendString.
func carryBytes(header []byte) ([]byte, bool) {
	if !bytes.Contains(header, []byte(`\udc`)) {
		return header, false
	}
	out := make([]byte, 0, len(header)+64)
	for i := 0; i < len(header); {
		if header[i] != '\\' || i+1 == len(header) {
			out = append(out, header[i])
			i++
			continue
		}
		if bytes.HasPrefix(header[i:], []byte(`\udc`)) {
			out = append(out, `\udbff\udf`...)
			i += 4
			continue
		}
		out = append(out, header[i], header[i+1])
		i += 2
	}
	return out, true
}

// restore makes private runes the bytes again that they stand for.
func restore(s *string) {
	if !strings.Contains(*s, "\xf4\x8f") {
		return
	}
	b := make([]byte, 0, len(*s))
	for _, r := range *s {
		if r >= carrierLow && r <= carrierHigh {
			b = append(b, byte(r))
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	*s = string(b)
}

func restoreAll(list []string) {
	for i := range list {
		restore(&list[i])
	}
}

func restoreMap(m map[string]string) {
	for _, k := range slices.Collect(maps.Keys(m)) {
		key, v := k, m[k]
		restore(&key)
		restore(&v)
		delete(m, k)
		m[key] = v
	}
}

func restoreObjects(list []protocol.Object) {
	for i := range list {
		restore(&list[i].Kind)
		restore(&list[i].Name)
	}
}

func restoreEvent(e *Event) {
	restore((*string)(&e.Kind))
	restore(&e.OpKey)
	if o := e.Opened; o != nil {
		p := &o.Principal
		for _, s := range []*string{
			&o.Gateway, &o.Protocol, &o.Target, &o.Address, &o.Remote, &o.Listener, &o.Scheme, &o.Credential, &o.Policy,
			&o.Durability, &o.User, &p.Issuer, &p.Subject, &p.Name, &p.OnBehalfOf,
		} {
			restore(s)
		}
		restoreAll(p.Groups)
		restoreMap(p.Attributes)
		restoreMap(o.Details)
	}
	if o := e.Operation; o != nil {
		for _, s := range []*string{&o.Verb, &o.Text, &o.Refuse, &o.Remark} {
			restore(s)
		}
		for i := range o.Params {
			restore(&o.Params[i].Name)
			restore(&o.Params[i].Type)
			restore(&o.Params[i].Value)
		}
		restoreObjects(o.Objects)
	}
	if d := e.Decision; d != nil {
		for _, s := range []*string{&d.Rule, &d.Reason, &d.By, &d.Policy} {
			restore(s)
		}
		restoreAll(d.Approvers)
	}
	if p := e.Part; p != nil {
		restore(&p.Kind)
		restore(&p.Digest)
	}
	if n := e.Note; n != nil {
		restore(&n.Kind)
		restore(&n.Text)
		restoreObjects(n.Objects)
	}
	if o := e.Outcome; o != nil {
		restore(&o.Code)
		restore(&o.Text)
	}
}
