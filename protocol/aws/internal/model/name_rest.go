package model

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// rest names a call by the routes of REST services.
func (n *naming) rest(candidates []*lineJSON) (Call, error) {
	unsigned := false
	if candidates == nil {
		if n.r.SigningName != "" {
			return Call{}, fmt.Errorf("%w: nothing in the request says which service it is for", ErrUnknown)
		}
		// A few services are called without a signature; their paths differ.
		unsigned, candidates = true, n.table.index.unsigned
	}
	var all []match
	for _, line := range candidates {
		if !slices.Contains(line.Wires, RESTJSON) && !slices.Contains(line.Wires, RESTXML) {
			continue
		}
		s, err := n.table.Service(line.Name)
		if err != nil {
			return Call{}, err
		}
		matches, err := n.matches(s)
		if err != nil {
			return Call{}, err
		}
		all = append(all, n.within(mostSpecific(matches))...)
	}
	all = mostSpecific(all)
	fits := make([]found, 0, len(all))
	for _, m := range all {
		if !unsigned || m.op.Unsigned {
			fits = append(fits, found{m.op, restWire(m.op.Service)})
		}
	}
	what := func() string {
		text := fmt.Sprintf("%s %q", clip(n.r.Method), clip(n.r.Path))
		if !unsigned {
			text += " of " + candidates[0].Name
		}
		return text
	}
	call, err := n.one(fits, what)
	if err != nil {
		return Call{}, err
	}
	for _, m := range all {
		if m.op != call.Operation {
			continue
		}
		if key := m.stranger(n.r.Query); key != "" {
			return Call{}, fmt.Errorf("%w: %s with %q in the query, which %s does not take", ErrUnknown, what(), clip(key), m.op.Name)
		}
		call.Labels, err = m.labels()
	}
	return call, err
}

func restWire(s *Service) Wire {
	if s.Speaks(RESTXML) {
		return RESTXML
	}
	return RESTJSON
}

// matches walks the service's tree with the request's path.
func (n *naming) matches(s *Service) ([]match, error) {
	path, method, query := n.r.Path, n.r.Method, n.r.Query
	s3 := s.Name == "s3"
	if bucket := n.bucket(); s3 && bucket != "" && !n.toObjectLambda() {
		path = "/" + url.PathEscape(bucket) + "/" + strings.TrimPrefix(path, "/")
	}
	if rest, ok := strings.CutPrefix(path, s.EndpointPath+"/"); ok && s.EndpointPath != "" && len(n.host.lines) > 0 {
		path = "/" + rest
	}
	if s.Name == "cloudsearchdomain" && method == http.MethodPost && path == "/2013-01-01/search" {
		method, query = http.MethodGet, n.r.Form // clients send searches as a form
	}
	w := walker{method: method, query: query, header: n.r.Header}
	if path = strings.TrimPrefix(path, "/"); path != "" {
		w.raw = strings.Split(path, "/")
	}
	w.slash = strings.HasSuffix(path, "/")
	// One slash at the end is nothing, except in the name of an S3 object.
	if last := len(w.raw) - 1; last >= 0 && w.raw[last] == "" && (!s3 || last == 1) {
		w.raw = w.raw[:last]
	}
	w.decoded = make([]string, len(w.raw))
	for i, raw := range w.raw {
		text, err := url.PathUnescape(raw)
		if err != nil {
			return nil, fmt.Errorf("%w: the path has a wrong escape", ErrUnknown)
		}
		if !s3 && (text == "." || text == "..") {
			return nil, nil // some servers resolve the dots, so who knows what it means
		}
		w.decoded[i] = text
	}
	if s3 && len(w.decoded) > 0 && !isBucket(w.decoded[0]) {
		return nil, nil // who knows where S3 sees its end
	}
	w.walk(s.routes, 0)
	return w.found, nil
}

// toObjectLambda says whether the request is an answer to S3 Object Lambda,
// whose host has a route in front, not a bucket.
func (n *naming) toObjectLambda() bool {
	return n.r.Path == "/WriteGetObjectResponse" && n.r.SigningName == "s3-object-lambda"
}

// isBucket allows what names of buckets, old ones too, and of access points
// are made of; S3's one path without a bucket is of these letters as well.
func isBucket(s string) bool {
	return s != "." && s != ".." && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// bucket is what the host name says.
func (n *naming) bucket() string {
	if n.host.Bucket != "" {
		return n.host.Bucket
	}
	return n.r.Bucket
}

// mostSpecific keeps the routes with the best path, then with the most in the
// query, then those that end in a slash as the request does.
func mostSpecific(all []match) []match {
	all = least(all, func(m match) string { return m.rank })
	all = least(all, func(m match) string { return fewer(len(m.pattern.query)) })
	return least(all, func(m match) string {
		if m.sameSlash {
			return "a"
		}
		return "b"
	})
}

// within chooses among equal routes of one service: those that the request
// has all required parameters for, the one that requires most, the newer.
func (n *naming) within(all []match) []match {
	if len(all) < 2 {
		return all
	}
	all = where(all, func(m match) bool { return m.complete(n.r.Query, n.r.Header) })
	all = least(all, func(m match) string { return fewer(m.weight()) })
	all = where(all, func(m match) bool { return !m.op.Deprecated })
	if len(all) == 2 && all[0].op.Service.Name == "s3" {
		return n.directory(all)
	}
	return all
}

// fewer orders by a count, the larger first.
func fewer(count int) string { return string(rune('z' - min(count, 20))) }

// where keeps those for which ok says yes, all where it says so for none.
func where(all []match, ok func(match) bool) []match {
	var out []match
	for _, m := range all {
		if ok(m) {
			out = append(out, m)
		}
	}
	if len(out) == 0 {
		return all
	}
	return out
}

// directory tells S3's two lists of buckets apart, which differ in nothing
// but where they are sent.
func (n *naming) directory(all []match) []match {
	want := "ListBuckets"
	if n.host.Express || n.r.SigningName == "s3express" {
		want = "ListDirectoryBuckets"
	}
	for i, m := range all {
		if m.op.Name == want {
			return all[i : i+1]
		}
	}
	return all
}

// least keeps the matches with the smallest key.
func least(all []match, key func(match) string) []match {
	var out []match
	smallest := ""
	for _, m := range all {
		k := key(m)
		if len(out) == 0 || k < smallest {
			out, smallest = out[:0], k
		}
		if k == smallest {
			out = append(out, m)
		}
	}
	return out
}

// labels decodes what the labels stood for.
func (m match) labels() (map[string]string, error) {
	if len(m.values) == 0 {
		return nil, nil
	}
	out := make(map[string]string, len(m.values))
	i := 0
	for _, seg := range m.pattern.segments {
		if seg.label == "" {
			continue
		}
		text, err := url.PathUnescape(m.values[i])
		if err != nil {
			return nil, fmt.Errorf("%w: the path has a wrong escape", ErrUnknown)
		}
		out[memberOf(m.op, seg.label)] = text
		i++
	}
	return out, nil
}

// memberOf turns a label, which is a name on the wire, into the member's.
func memberOf(op *Operation, label string) string {
	if op.Input == nil {
		return label
	}
	for i := range op.Input.Members {
		if m := &op.Input.Members[i]; m.Location == InPath && m.WireName == label {
			return m.Name
		}
	}
	return label
}
