package model

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ErrUnknown says that a request is of no operation that the table knows, or
// of several that it cannot tell apart.
var ErrUnknown = errors.New("unknown AWS operation")

// Limits on what naming looks at; AWS's own are below.
const (
	maxPath     = 16 << 10
	maxSegments = 2048
	maxName     = 256
)

// Request is what naming looks at.
type Request struct {
	Method string
	// Host is where the request was meant for; empty where only the gateway
	// was named.
	Host string
	// Path is as sent, still escaped, without a base path of the gateway.
	Path  string
	Query url.Values
	// Header has canonical names. X-Amz-Target, Smithy-Protocol, User-Agent
	// and what REST operations require are looked at.
	Header http.Header
	// Form is the body of the query and ec2 wires, else nil.
	Form url.Values
	// SigningName is the service of the signature's scope; empty where the
	// request is not signed.
	SigningName string
	// Service narrows the choice by what a base path or a configured host
	// says: a CLI name, an endpoint prefix or a service ID; may be empty.
	Service string
	// Bucket is S3's where a host name had it that is not AWS's; it stands
	// before Path. Hosts of AWS are understood without it.
	Bucket string
}

// Call is a request's name.
type Call struct {
	Operation *Operation
	// Wire is the one that the request came on, which need not be the
	// service's first.
	Wire Wire
	// Labels are the path's, decoded, by member: {"Bucket": "b"}.
	Labels map[string]string
	// Host is what the request's host said; zero where it is not AWS's.
	Host Host
}

// Name tells which operation a request is. It goes by the wire format that it
// sees: an X-Amz-Target, a path of the CBOR wire, an Action, else the routes
// of REST. Errors wrap ErrUnknown and quote at most names from the request.
// What AWS itself would refuse may be named; what two services would
// understand in two ways is not.
func (t *Table) Name(r Request) (Call, error) {
	if len(r.Path) > maxPath || strings.Count(r.Path, "/") > maxSegments {
		return Call{}, fmt.Errorf("%w: the path is too long", ErrUnknown)
	}
	if len(r.SigningName) > maxName || len(r.Service) > maxName || len(r.Bucket) > maxName {
		return Call{}, fmt.Errorf("%w: the service's name is too long", ErrUnknown)
	}
	n := naming{table: t, r: r}
	if h, ok := t.ParseHost(r.Host); ok {
		n.host = h
	}
	candidates, err := n.candidates()
	if err != nil {
		return Call{}, err
	}
	call, err := n.dispatch(candidates)
	if err != nil {
		return Call{}, err
	}
	call.Host = n.host
	return call, nil
}

// naming is one request on its way to a name.
type naming struct {
	table *Table
	r     Request
	host  Host
}

// dispatch chooses the wire. Requests with the marks of two wires are refused:
// AWS and we might choose differently.
func (n *naming) dispatch(candidates []*lineJSON) (Call, error) {
	target, err := n.single("X-Amz-Target")
	if err != nil {
		return Call{}, err
	}
	smithy, err := n.single("Smithy-Protocol")
	if err != nil {
		return Call{}, err
	}
	action, err := n.action(candidates)
	if err != nil {
		return Call{}, err
	}
	switch {
	case target != "" && smithy != "", action != "" && (target != "" || smithy != ""):
		return Call{}, fmt.Errorf("%w: the request has the marks of two protocols", ErrUnknown)
	case smithy != "":
		return n.cbor(candidates, smithy)
	case target != "":
		return n.target(candidates, target)
	case action != "":
		return n.query(candidates, action)
	}
	return n.rest(candidates)
}

// single returns a header that may be there once. The name is canonical.
func (n *naming) single(name string) (string, error) {
	values := n.r.Header[name]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 || values[0] == "" || len(values[0]) > maxName {
		return "", fmt.Errorf("%w: %s is empty, too long or there twice", ErrUnknown, name)
	}
	return values[0], nil
}

// candidates are the services that signature, host and hint allow; all three
// must agree. Nil means any.
func (n *naming) candidates() ([]*lineJSON, error) {
	x := n.table.index
	var out []*lineJSON
	if n.r.SigningName != "" {
		if out = x.bySigning[n.r.SigningName]; out == nil {
			return nil, fmt.Errorf("%w: no AWS service signs as %q", ErrUnknown, clip(n.r.SigningName))
		}
	}
	if len(n.host.lines) > 0 {
		if out = both(out, n.host.lines); len(out) == 0 {
			return nil, fmt.Errorf("%w: signed for %q, which does not answer at %q", ErrUnknown, clip(n.r.SigningName), clip(n.r.Host))
		}
	}
	if n.r.Service != "" {
		hinted := x.byHint[plain(n.r.Service)]
		if exact := x.byName[n.r.Service]; exact != nil {
			hinted = []*lineJSON{exact}
		}
		if hinted == nil {
			return nil, fmt.Errorf("%w: no AWS service is called %q", ErrUnknown, clip(n.r.Service))
		}
		if out = both(out, hinted); len(out) == 0 {
			return nil, fmt.Errorf("%w: signed for %q, but sent to %q", ErrUnknown, clip(n.r.SigningName), clip(n.r.Service))
		}
	}
	if len(out) > 1 {
		out = n.ofAgent(out)
	}
	return out, nil
}

// ofAgent keeps the service that the client says it is made for, all where it
// says nothing that fits.
func (n *naming) ofAgent(lines []*lineJSON) []*lineJSON {
	api := n.agentAPI()
	if api == "" {
		return lines
	}
	for i, s := range lines {
		if plain(s.Name) == api || plain(s.ID) == api {
			return lines[i : i+1 : i+1]
		}
	}
	return lines
}

// both returns what is in a and in b; a nil a has everything.
func both(a, b []*lineJSON) []*lineJSON {
	if a == nil {
		return b
	}
	var out []*lineJSON
	for _, s := range a {
		for _, o := range b {
			if s == o {
				out = append(out, s)
			}
		}
	}
	return out
}

// found is an operation that fits, on its wire.
type found struct {
	op   *Operation
	wire Wire
}

// one chooses among operations that fit equally: that of the service which the
// others grew out of.
func (n *naming) one(all []found, what func() string) (Call, error) {
	switch len(all) {
	case 0:
		return Call{}, fmt.Errorf("%w: %s", ErrUnknown, what())
	case 1:
		return Call{Operation: all[0].op, Wire: all[0].wire}, nil
	}
	for _, f := range all {
		if n.table.index.preferred(f.op, all) {
			return Call{Operation: f.op, Wire: f.wire}, nil
		}
	}
	return Call{}, fmt.Errorf("%w: %s means both %s %s and %s %s", ErrUnknown, what(),
		all[0].op.Service.Name, all[0].op.Name, all[1].op.Service.Name, all[1].op.Name)
}

// preferred says whether op belongs to the first service of a family that
// all others are of, with the same name.
func (x *index) preferred(op *Operation, all []found) bool {
	for _, f := range all {
		if f.op.Name != op.Name || f.op != op && x.families[f.op.Service.Name] != op.Service.Name {
			return false
		}
	}
	return true
}

// agentAPI is the service in "api/dynamodb#3.0" of the User-Agent, plain.
func (n *naming) agentAPI() string {
	agent := n.r.Header.Get("User-Agent")
	if len(agent) > 4*maxName {
		agent = agent[:4*maxName]
	}
	for word := range strings.FieldsSeq(agent) {
		if api, ok := strings.CutPrefix(word, "api/"); ok {
			name, _, _ := strings.Cut(api, "#")
			return plain(name)
		}
	}
	return ""
}
