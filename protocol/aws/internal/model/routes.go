package model

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// node is a place in the tree of a service's REST paths.
type node struct {
	literals map[string]*node
	label    *node
	greedy   *node
	routes   []*route
}

// route is a REST operation at the end of its path.
type route struct {
	op      *Operation
	pattern pattern
	// required are members of the query and of headers that requests of the
	// operation always have; they tell operations with one URI apart.
	query, header []string
}

// match is a route that fits a path, with what its labels stood for.
type match struct {
	*route
	values []string // escaped
	// rank has a letter for each segment: the smaller, the more specific.
	rank string
	// sameSlash says that both path and pattern end in a slash, or neither.
	sameSlash bool
	// strict says that the query chooses among the operations of the path.
	strict bool
}

// buildRoutes makes the tree of a service that speaks REST, else nil.
func buildRoutes(s *Service) (*node, error) {
	if !s.Speaks(RESTJSON) && !s.Speaks(RESTXML) {
		return nil, nil
	}
	root := &node{}
	for _, name := range s.names {
		op := s.operations[name]
		p, err := parsePattern(op.URI)
		if err != nil {
			return nil, err
		}
		r := &route{op: op, pattern: p}
		if op.Input != nil {
			for i := range op.Input.Members {
				m := &op.Input.Members[i]
				switch {
				case m.Required && m.Location == InQuery:
					r.query = append(r.query, m.WireName)
				case m.Required && m.Location == InHeader:
					r.header = append(r.header, m.WireName)
				}
			}
		}
		n := root
		for _, seg := range p.segments {
			n = n.child(seg)
		}
		n.routes = append(n.routes, r)
	}
	return root, nil
}

func (n *node) child(seg segment) *node {
	at := &n.greedy
	switch {
	case seg.label == "":
		if n.literals == nil {
			n.literals = make(map[string]*node)
		}
		if n.literals[seg.literal] == nil {
			n.literals[seg.literal] = &node{}
		}
		return n.literals[seg.literal]
	case !seg.greedy:
		at = &n.label
	}
	if *at == nil {
		*at = &node{}
	}
	return *at
}

// walker collects the routes for one path.
type walker struct {
	method  string
	query   url.Values
	header  http.Header
	found   []match
	decoded []string // the path's segments
	raw     []string
	values  []string
	rank    []byte
	steps   int
	slash   bool // the path ends in one
}

// maxSteps ends walks that hostile paths would make long; AWS's own routes
// need some dozens at most, greedy labels one for each segment.
const maxSteps = 1 << 14

func (w *walker) walk(n *node, at int) {
	if w.steps++; w.steps > maxSteps {
		return
	}
	if at == len(w.raw) {
		w.end(n)
		return
	}
	if next := n.literals[w.decoded[at]]; next != nil {
		w.step(next, at+1, "", 'a')
	}
	// An empty label is no label: AWS's clients refuse to send it.
	if n.label != nil && w.raw[at] != "" {
		w.step(n.label, at+1, w.raw[at], 'b')
	}
	if n.greedy == nil {
		return
	}
	if len(n.greedy.literals) == 0 {
		w.step(n.greedy, len(w.raw), strings.Join(w.raw[at:], "/"), 'c')
		return
	}
	for end := len(w.raw); end > at; end-- {
		w.step(n.greedy, end, strings.Join(w.raw[at:end], "/"), 'c')
	}
}

func (w *walker) step(n *node, at int, value string, rank byte) {
	if rank != 'a' {
		if value == "" {
			return
		}
		w.values = append(w.values, value)
		defer func() { w.values = w.values[:len(w.values)-1] }()
	}
	w.rank = append(w.rank, rank)
	w.walk(n, at)
	w.rank = w.rank[:len(w.rank)-1]
}

// end takes the routes whose method and query fit.
func (w *walker) end(n *node) {
	strict := slices.ContainsFunc(n.routes, func(r *route) bool { return len(r.pattern.query) > 0 })
	for _, r := range n.routes {
		if r.op.Method == w.method && r.fits(w.query) {
			w.found = append(w.found, match{
				route:     r,
				values:    slices.Clone(w.values),
				rank:      string(w.rank) + "z", // longer patterns are more specific
				sameSlash: r.pattern.slash == w.slash,
				strict:    strict,
			})
		}
	}
}

func (r *route) fits(query url.Values) bool {
	for _, l := range r.pattern.query {
		values, ok := query[l.key]
		if !ok || !l.any && (len(values) != 1 || values[0] != l.value) {
			return false
		}
	}
	if r.op.Service.Name != "s3" {
		return true
	}
	// S3 has one path for everything: what it requires makes the operation.
	for _, name := range r.query {
		if _, ok := query[name]; !ok {
			return false
		}
	}
	return true
}

// complete says whether the request has all that the operation requires.
func (r *route) complete(query url.Values, header http.Header) bool {
	for _, name := range r.query {
		if _, ok := query[name]; !ok {
			return false
		}
	}
	for _, name := range r.header {
		if len(header.Values(name)) == 0 {
			return false
		}
	}
	return true
}

// stranger returns a key of the query that the operation does not know. Where
// the query chooses the operation, such a key may mean one that is newer than
// the table. Keys that begin with x- are signatures' and clients' own.
func (m match) stranger(query url.Values) string {
	if !m.strict {
		return ""
	}
	for key := range query {
		if len(key) > 2 && strings.EqualFold(key[:2], "x-") || m.knows(key) {
			continue
		}
		return key
	}
	return ""
}

func (r *route) knows(key string) bool {
	if slices.ContainsFunc(r.pattern.query, func(l literal) bool { return l.key == key }) {
		return true
	}
	return r.op.Input != nil && slices.ContainsFunc(r.op.Input.Members, func(m Member) bool {
		return m.Location == InQuery && (m.WireName == key || m.Shape.Kind == Map)
	})
}

// weight counts what the request had to have for the route.
func (r *route) weight() int { return len(r.query) + len(r.header) }
