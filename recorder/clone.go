package recorder

import (
	"bytes"
	"maps"
	"slices"
)

// Clone returns a copy of e that shares nothing with it, for who keeps an
// event that is borrowed.
func (e *Event) Clone() *Event {
	c := *e
	c.Payload = bytes.Clone(e.Payload)
	if e.Opened != nil {
		o := *e.Opened
		o.Details = maps.Clone(o.Details)
		o.Principal.Groups = slices.Clone(o.Principal.Groups)
		o.Principal.Attributes = maps.Clone(o.Principal.Attributes)
		c.Opened = &o
	}
	if e.Operation != nil {
		o := *e.Operation
		o.Params = slices.Clone(o.Params)
		for i := range o.Params {
			o.Params[i].Raw = bytes.Clone(o.Params[i].Raw)
		}
		o.Objects = slices.Clone(o.Objects)
		o.Key = bytes.Clone(o.Key)
		c.Operation = &o
	}
	if e.Decision != nil {
		d := *e.Decision
		d.Approvers = slices.Clone(d.Approvers)
		c.Decision = &d
	}
	if e.Part != nil {
		p := *e.Part
		c.Part = &p
	}
	if e.Note != nil {
		n := *e.Note
		n.Objects = slices.Clone(n.Objects)
		c.Note = &n
	}
	if e.Outcome != nil {
		o := *e.Outcome
		c.Outcome = &o
	}
	return &c
}
