package wire

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// The bounds of what is reported. A body that is deeper than MaxDepth is
// malformed.
const (
	MaxDepth   = 64
	MaxLeaves  = 1 << 20  // in one message
	MaxValue   = 64 << 10 // bytes of a leaf's value
	MaxPath    = 1 << 10  // bytes of a leaf's path; a longer one ends in "..."
	MaxUnknown = 32       // paths in a report
)

// ErrMalformed says that a body is not what its format demands.
var ErrMalformed = errors.New("malformed")

// ErrEnough is what a caller's function returns when it wants no more leaves. The
// rest of the message is still checked and counted, the report says that it is
// truncated, and the error ends there.
var ErrEnough = errors.New("no more leaves are wanted")

// Leaf is one scalar of a request or a response.
type Leaf struct {
	// Path leads to it by the model's names: Delete.Objects[1].Key; what stands
	// under a map's key is RequestItems["orders"]. Names that the model lacks are as on the wire.
	// It is printable ASCII, and ends in "..." where it was too long.
	Path string
	// Name is the innermost member's, by the model.
	Name string
	// Keys are the names on the path that are data: maps' keys, and names that the
	// model lacks. They are whole where Path may not be, as they were sent, and
	// valid until the function returns.
	Keys []string
	// Shape is nil where the model does not know the leaf.
	Shape *model.Shape
	// Value is text as it was sent, without the format's escapes. Binary
	// values are base64.
	Value string
	// Key says that it is a map's key.
	Key bool
	// Sensitive says that its shape, or one around it, is marked so.
	Sensitive bool
	// Start and End are the token's place in the body: in JSON with its
	// quotes, in XML the text between tags or quotes, in CBOR the item without
	// its tags. Both are 0 where it stands outside of the body, or has
	// no place that a value could be written to.
	Start, End int
	// Null says that it is the format's null; Value is empty.
	Null bool
	// Clipped says that Value ends early. Text has all of it.
	Clipped bool

	enc encoding
}

// Report tells of what was not understood.
type Report struct {
	// Unknown counts the members, elements, keys, parameters and headers that
	// the model lacks or knows as something else; one that has others inside
	// counts once.
	Unknown int
	// Duplicates counts names that stand twice in one place. All are leaves:
	// which of them counts, parsers see differently.
	Duplicates int
	// UnknownPaths are the first MaxUnknown of both.
	UnknownPaths []string
	// Truncated says that there were more leaves than were handed out.
	Truncated bool
}

// Request hands the leaves of a request to f, in the order in which they stand
// in the body, after those of labels, query string and headers. Labels are
// the parts of path and host by the names in the operation's URI. A body that is a
// blob or a text is one leaf; an empty one has none. Authentication, in
// headers or in the query string, is no leaf.
//
// The error is f's, or wraps ErrMalformed; leaves may have been handed out
// before. It never quotes the body.
func Request(op *model.Operation, w model.Wire, labels map[string]string, query url.Values, header http.Header, body []byte, f func(Leaf) error) (Report, error) {
	s := newWalk(w, f)
	err := s.request(op, labels, query, header, body)
	return s.report, err
}

func (s *walk) request(op *model.Operation, labels map[string]string, query url.Values, header http.Header, body []byte) error {
	a := whole(op.Input)
	switch s.wire {
	case model.RESTJSON, model.RESTXML:
		s.rest = true
		if err := s.parameters(op, a, labels, query, header); err != nil {
			return err
		}
		return s.payload(a, body)
	case model.Query, model.EC2:
		s.actions = true
		if err := s.formQuery(a, query); err != nil {
			return err
		}
		return s.form(a, body)
	}
	if err := s.query(at{}, query, nil); err != nil {
		return err
	}
	return s.document(a, body)
}

// Response hands the leaves of a response to f, as Request does. From status
// 300 on, and where S3 says so with another one, the body is an error: its
// leaves are Code and Message, and what else it holds.
func Response(op *model.Operation, w model.Wire, status int, header http.Header, body []byte, f func(Leaf) error) (Report, error) {
	s := newWalk(w, f)
	s.response = true
	err := s.respond(op, status, header, body)
	return s.report, err
}

func (s *walk) respond(op *model.Operation, status int, header http.Header, body []byte) error {
	if status >= 300 {
		return s.failure(header, body)
	}
	a := whole(op.Output)
	switch s.wire {
	case model.RESTJSON, model.RESTXML:
		s.rest = true
		if err := s.headers(a.shape, header); err != nil {
			return err
		}
		return s.payload(a, body)
	}
	return s.document(a, body)
}

// whole is the place of a message's structure. Where the model has none, there
// is one without members: whatever comes is unknown.
func whole(s *model.Shape) at {
	if s == nil {
		s = &model.Shape{Kind: model.Structure}
	}
	return at{shape: s}
}

// document reads a body that holds the members of a structure.
func (s *walk) document(a at, body []byte) error {
	switch s.wire {
	case model.JSON10, model.JSON11, model.RESTJSON:
		return s.json(a, body)
	case model.CBOR:
		return s.cbor(a, body)
	case model.Query, model.EC2, model.RESTXML:
		return s.xml(a, body)
	}
	return fmt.Errorf("wire %d is not known", s.wire)
}

// payload reads the body of a REST message.
func (s *walk) payload(a at, body []byte) error {
	if a.shape == nil || a.shape.Payload == "" {
		return s.document(a, body)
	}
	m := member(a.shape, a.shape.Payload)
	if m == nil || m.Shape == nil || m.Shape.EventStream {
		return s.raw(at{name: a.shape.Payload}, body)
	}
	a = a.under(m)
	mark := s.enter(m.Name)
	defer s.leave(mark)
	s.rest = false
	switch m.Shape.Kind {
	case model.Structure, model.Document, model.Map, model.List:
		return s.document(a, body)
	}
	return s.raw(a, body)
}

// raw makes a leaf of a whole body.
func (s *walk) raw(a at, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if a.shape == nil {
		mark := s.enter(a.name)
		defer s.leave(mark)
		s.unknown()
	}
	return s.leaf(a, body, 0, len(body), encRaw)
}
