package wire

import (
	"net/http"
	"strings"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// failure reads an error's headers and body.
func (s *walk) failure(header http.Header, body []byte) error {
	for _, name := range [...]string{"X-Amzn-Errortype", "X-Amzn-Query-Error"} {
		for _, value := range header.Values(name) {
			if err := s.told("Code", value); err != nil {
				return err
			}
		}
	}
	switch s.wire {
	case model.JSON10, model.JSON11, model.RESTJSON, model.CBOR:
		return s.document(at{shape: failed}, body)
	}
	x := &xmlScan{walk: s, b: body}
	found, err := x.prolog()
	if err != nil || !found {
		return err
	}
	e, err := x.open()
	if err != nil {
		return err
	}
	return x.fault(e)
}

func (s *walk) told(name, value string) error {
	mark := s.enter(name)
	defer s.leave(mark)
	return s.leaf(at{shape: words, name: name}, []byte(value), 0, 0, encNone)
}

var words = &model.Shape{Name: "String", Kind: model.String}

// failed is the shape of every error, as far as all errors are alike. Wires
// and services spell the names in their own ways.
var failed = &model.Shape{Name: "Error", Kind: model.Structure, Members: []model.Member{
	{Name: "Code", WireName: "__type", Shape: words},
	{Name: "Message", WireName: "message", Shape: words},
	{Name: "Message", WireName: "Message", Shape: words},
	{Name: "Message", WireName: "errorMessage", Shape: words},
	{Name: "Code", WireName: "code", Shape: words},
	{Name: "Code", WireName: "Code", Shape: words},
	{Name: "Type", WireName: "Type", Shape: words},
	{Name: "RequestId", WireName: "RequestId", Shape: words},
	{Name: "RequestId", WireName: "RequestID", Shape: words},
	{Name: "RequestId", WireName: "requestId", Shape: words},
	{Name: "HostId", WireName: "HostId", Shape: words},
}}

// fault reads the outermost element of an error, and passes through those that
// only wrap it, so that its members' paths are Code and Message.
func (x *xmlScan) fault(e element) error {
	switch string(e.local) {
	case "ErrorResponse", "Response", "Errors":
	default:
		return x.element(e, at{shape: failed}, 0)
	}
	if e.empty {
		return nil
	}
	e.attrs = nil
	for {
		solid, err := x.run()
		if err != nil {
			return err
		}
		if solid {
			return x.bad("text in an error")
		}
		if closed, err := x.close(e); closed || err != nil {
			return err
		}
		child, err := x.open()
		if err != nil {
			return err
		}
		switch {
		case string(child.local) == "Error":
			err = x.element(child, at{shape: failed}, 1)
		case string(child.local) == "Errors" && string(e.local) == "Response":
			err = x.fault(child)
		default:
			err = x.beside(child)
		}
		if err != nil {
			return err
		}
	}
}

// beside reads an element that stands beside an error.
func (x *xmlScan) beside(e element) error {
	b := at{name: x.string(e.local)}
	mark := x.enter(b.name)
	defer x.leave(mark)
	if strings.EqualFold(b.name, "RequestId") {
		b.shape = words
	} else {
		x.unknown()
	}
	return x.element(e, b, 1)
}
