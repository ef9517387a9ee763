package wire

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// signing are the parameters that authenticate a request in its URL.
var signing = map[string]bool{
	"X-Amz-Algorithm": true, "X-Amz-Credential": true, "X-Amz-Date": true, "X-Amz-Expires": true,
	"X-Amz-SignedHeaders": true, "X-Amz-Signature": true, "X-Amz-Security-Token": true,
}

// carriage are the headers with AWS's prefix that belong to transport,
// signature and SDK.
var carriage = map[string]bool{
	"X-Amz-Date": true, "X-Amz-Content-Sha256": true, "X-Amz-Security-Token": true, "X-Amz-Target": true,
	"X-Amz-User-Agent": true, "X-Amz-Decoded-Content-Length": true, "X-Amz-Trailer": true,
	"X-Amz-Region-Set": true, "X-Amz-S3session-Token": true,
	"X-Amz-Request-Id": true, "X-Amz-Id-2": true, "X-Amz-Requestid": true, "X-Amz-Crc32": true,
	"X-Amz-Cf-Id": true, "X-Amz-Cf-Pop": true, "X-Amz-Apigw-Id": true, "X-Amz-Bucket-Region": true,
	"X-Amzn-Requestid": true, "X-Amzn-Errortype": true, "X-Amzn-Trace-Id": true, "X-Amzn-Query-Mode": true, "X-Amzn-Query-Error": true,
}

// parameters reads what a REST request has outside of its body.
func (s *walk) parameters(op *model.Operation, a at, labels map[string]string, query url.Values, header http.Header) error {
	if err := s.labels(a, labels); err != nil {
		return err
	}
	var fixed url.Values
	if _, literal, ok := strings.Cut(op.URI, "?"); ok {
		fixed, _ = url.ParseQuery(literal)
	}
	if err := s.query(a, query, fixed); err != nil {
		return err
	}
	return s.headers(a.shape, header)
}

func (s *walk) labels(a at, labels map[string]string) error {
	for _, name := range sortedKeys(labels) {
		b := a.lost(name)
		if m := locate(a.shape, model.InPath, name, false); m != nil {
			b = a.under(m)
		} else if a.shape != nil {
			if m := member(a.shape, name); m != nil {
				b = a.under(m)
			}
		}
		if err := s.outside(b, labels[name]); err != nil {
			return err
		}
	}
	return nil
}

// outside hands out one value that stands in no body.
func (s *walk) outside(a at, value string) error {
	mark := s.enter(a.name)
	defer s.leave(mark)
	if a.shape == nil {
		s.unknown()
	}
	return s.leaf(a, []byte(value), 0, 0, encNone)
}

// several hands out the values of one name.
func (s *walk) several(a at, values []string) error {
	if a.shape == nil || a.shape.Kind != model.List {
		for i, value := range values {
			if err := s.outside(a, value); err != nil {
				return err
			}
			if i > 0 {
				mark := s.enter(a.name)
				s.duplicate()
				s.leave(mark)
			}
		}
		return nil
	}
	mark := s.enter(a.name)
	defer s.leave(mark)
	b := a.inner(a.shape.Value)
	for i, value := range values {
		inner := s.enterIndex(i)
		if err := s.leaf(b, []byte(value), 0, 0, encNone); err != nil {
			return err
		}
		s.leave(inner)
	}
	return nil
}

// keyed hands out the values of one key of a map.
func (s *walk) keyed(a at, key string, values []string) error {
	mark := s.enter(a.name)
	defer s.leave(mark)
	s.enterKey(key)
	if err := s.key(a.inner(a.shape.Key), []byte(key), 0, 0, encNone); err != nil {
		return err
	}
	b := a.inner(a.shape.Value)
	list := b.shape != nil && b.shape.Kind == model.List
	if list {
		b = b.inner(b.shape.Value)
	}
	for i, value := range values {
		inner := s.here()
		if list {
			s.enterIndex(i)
		} else if i > 0 {
			s.duplicate()
		}
		if err := s.leaf(b, []byte(value), 0, 0, encNone); err != nil {
			return err
		}
		s.leave(inner)
	}
	return nil
}

// query reads a query string. What the operation's URI holds itself is no leaf.
func (s *walk) query(a at, query, fixed url.Values) error {
	var rest *model.Member
	if a.shape != nil {
		for i := range a.shape.Members {
			if m := &a.shape.Members[i]; m.Location == model.InQuery && m.Shape != nil && m.Shape.Kind == model.Map {
				rest = m
			}
		}
	}
	for _, name := range sortedKeys(query) {
		values := query[name]
		m := locate(a.shape, model.InQuery, name, false)
		var err error
		switch {
		case m != nil && m != rest:
			err = s.several(a.under(m), values)
		case signing[name], fixed.Has(name) && len(values) == 1 && values[0] == fixed.Get(name), name == "x-id":
		case rest != nil:
			err = s.keyed(a.under(rest), name, values)
		default:
			err = s.several(a.near(name), values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// headers reads a request's or response's headers. Of those that the model
// lacks only AWS's own are leaves; others are HTTP's, and the transport's.
func (s *walk) headers(shape *model.Shape, header http.Header) error {
	a := at{shape: shape}
	for _, name := range sortedKeys(header) {
		values := header[name]
		var err error
		if m := locate(shape, model.InHeader, name, true); m != nil {
			err = s.header(a.under(m), m, values)
		} else if m, key := prefixed(shape, name); m != nil {
			err = s.keyed(a.under(m), key, values)
		} else if (strings.HasPrefix(name, "X-Amz-") || strings.HasPrefix(name, "X-Amzn-")) && !carriage[name] && !strings.HasPrefix(name, "X-Amzn-Remapped-") {
			err = s.several(a.near(name), values)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *walk) header(a at, m *model.Member, values []string) error {
	switch {
	case m.JSONHeader:
		for _, value := range values {
			if err := s.jsonHeader(a, value); err != nil {
				return err
			}
		}
		return nil
	case a.shape != nil && a.shape.Kind == model.List && a.shape.Value != nil && a.shape.Value.Shape != nil && a.shape.Value.Shape.Kind != model.Timestamp:
		var parts []string
		for _, value := range values {
			for part := range strings.SplitSeq(value, ",") {
				parts = append(parts, strings.Trim(part, " \t"))
			}
		}
		return s.several(a, parts)
	}
	return s.several(a, values)
}

// jsonHeader reads a header that is JSON in base64. Its leaves have no place in the body.
func (s *walk) jsonHeader(a at, value string) error {
	text, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return s.outside(a, value)
	}
	mark, f := s.enter(a.name), s.f
	s.f = func(l Leaf) error {
		l.Start, l.End, l.enc = 0, 0, encNone
		return f(l)
	}
	hidden := a.hidden()
	err = s.json(at{shape: &model.Shape{Kind: model.Document, Sensitive: hidden}, name: a.name, sensitive: hidden}, text)
	s.f = f
	s.leave(mark)
	return err
}

// locate is the member of a structure that stands at that place by that name.
func locate(shape *model.Shape, where model.Location, name string, fold bool) *model.Member {
	if shape == nil {
		return nil
	}
	for i := range shape.Members {
		m := &shape.Members[i]
		if m.Location == where && (m.WireName == name || fold && strings.EqualFold(m.WireName, name)) {
			return m
		}
	}
	return nil
}

// prefixed is the map whose keys are headers like that, and its key, in lower
// case: HTTP does not tell.
func prefixed(shape *model.Shape, name string) (*model.Member, string) {
	if shape == nil {
		return nil, ""
	}
	for i := range shape.Members {
		m := &shape.Members[i]
		if m.Location != model.InHeaders || m.Shape == nil || m.WireName == "" {
			continue
		}
		n := len(m.WireName)
		if m.WireName == m.Name && !carriage[name] {
			n = 0 // one operation takes all headers: its prefix is empty
		}
		if len(name) > n && strings.EqualFold(name[:n], m.WireName[:n]) {
			return m, strings.ToLower(name[n:])
		}
	}
	return nil, ""
}
