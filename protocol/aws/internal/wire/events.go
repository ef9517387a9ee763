package wire

import (
	"strings"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// EventStream is the stream of events that an input or output holds, or nil.
func EventStream(s *model.Shape) *model.Shape {
	if s == nil {
		return nil
	}
	for i := range s.Members {
		if m := s.Members[i].Shape; m != nil && m.EventStream {
			return m
		}
	}
	return nil
}

// Event hands the leaves of one message of an event stream to f, as Request
// does. Out is the operation's input or output, which holds the stream.
// Paths begin with the event's name; places are in the payload.
func Event(out *model.Shape, w model.Wire, frame *Frame, f func(Leaf) error) (Report, error) {
	s := newWalk(w, f)
	s.response = true
	err := s.event(out, frame)
	return s.report, err
}

func (s *walk) event(out *model.Shape, frame *Frame) error {
	a := at{name: frame.Type, sensitive: out != nil && out.Sensitive}
	if stream := EventStream(out); stream != nil {
		a.sensitive = a.sensitive || stream.Sensitive
		for i := range stream.Members {
			if m := &stream.Members[i]; m.WireName == frame.Type || m.Name == frame.Type {
				a = a.under(m)
			}
		}
	}
	switch {
	case frame.Message == "error":
		if err := s.told("Code", frame.Type); err != nil {
			return err
		}
		return s.told("Message", frame.Header(":error-message"))
	case frame.Message == "exception":
		if err := s.told("Code", frame.Type); err != nil {
			return err
		}
		return s.document(at{shape: failed}, frame.Payload)
	case frame.Type == "initial-response" || frame.Type == "initial-request":
		return s.document(at{shape: out}, frame.Payload)
	}
	if a.shape == nil || a.shape.Kind != model.Structure {
		a.shape = nil
		return s.raw(a, frame.Payload)
	}
	mark := s.enter(a.name)
	defer s.leave(mark)
	return s.eventMembers(a, frame)
}

// eventMembers reads an event's members, which stand in headers, are the
// payload, or are in it.
func (s *walk) eventMembers(a at, frame *Frame) error {
	body := a
	for i := range a.shape.Members {
		if m := &a.shape.Members[i]; m.EventPayload {
			body = a.under(m)
		}
	}
	for _, h := range frame.Headers {
		if strings.HasPrefix(h.Name, ":") {
			continue
		}
		b := a.near(h.Name)
		for i := range a.shape.Members {
			if m := &a.shape.Members[i]; m.EventHeader && (m.WireName == h.Name || m.Name == h.Name) {
				b = a.under(m)
			}
		}
		if err := s.outside(b, h.Value); err != nil {
			return err
		}
	}
	if body == a {
		return s.document(a, frame.Payload)
	}
	mark := s.enter(body.name)
	defer s.leave(mark)
	if body.shape == nil || body.shape.Kind >= model.String && body.shape.Kind != model.Document {
		return s.raw(body, frame.Payload)
	}
	return s.document(body, frame.Payload)
}
