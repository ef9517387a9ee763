package model

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// target names a call of the awsJson wires: "DynamoDB_20120810.GetItem".
func (n *naming) target(candidates []*lineJSON, target string) (Call, error) {
	dot := strings.LastIndexByte(target, '.')
	if dot < 0 {
		return Call{}, fmt.Errorf("%w: X-Amz-Target %q names no operation", ErrUnknown, clip(target))
	}
	if n.r.Method != http.MethodPost || !n.atRoot(candidates) {
		return Call{}, fmt.Errorf("%w: X-Amz-Target on something other than POST /", ErrUnknown)
	}
	wire := JSON10
	if kind := n.r.Header["Content-Type"]; len(kind) > 0 && strings.HasPrefix(kind[0], "application/x-amz-json-1.1") {
		wire = JSON11
	}
	lines := both(candidates, n.table.index.byTarget[unqualified(target[:dot])])
	return n.named(lines, target[dot+1:], wire, func() string { return fmt.Sprintf("X-Amz-Target %q", clip(target)) })
}

// cbor names a call of the CBOR wire: POST /service/{target}/operation/{name}.
func (n *naming) cbor(candidates []*lineJSON, protocol string) (Call, error) {
	if protocol != "rpc-v2-cbor" || n.r.Method != http.MethodPost {
		return Call{}, fmt.Errorf("%w: Smithy-Protocol %q is not one that AWS speaks", ErrUnknown, clip(protocol))
	}
	parts := strings.Split(n.r.Path, "/")
	if len(parts) != 5 || parts[0] != "" || parts[1] != "service" || parts[3] != "operation" {
		return Call{}, fmt.Errorf("%w: the path is not one of the CBOR protocol", ErrUnknown)
	}
	lines := both(candidates, n.table.index.byTarget[unqualified(parts[2])])
	return n.named(lines, parts[4], CBOR, func() string { return fmt.Sprintf("%q", clip(n.r.Path)) })
}

// named finds an operation by its name in services; what is for errors.
func (n *naming) named(lines []*lineJSON, name string, wire Wire, what func() string) (Call, error) {
	var few [4]found
	all := few[:0]
	var err error
	for _, line := range lines {
		s, err := n.table.Service(line.Name)
		if err != nil {
			return Call{}, err
		}
		if op := s.Operation(name); op != nil {
			all = append(all, found{op, wire})
		}
	}
	for i := range all {
		if all[i].op, err = n.table.elder(all[i].op); err != nil {
			return Call{}, err
		}
	}
	return n.one(slices.Compact(all), what)
}

// elder returns the operation of that name of the service that op's grew out
// of, where both answer at one host: AWS does not tell such calls apart, and
// neither may what the client says of itself.
func (t *Table) elder(op *Operation) (*Operation, error) {
	first := t.index.families[op.Service.Name]
	if first == "" || first == op.Service.Name || !t.index.sameHosts(first, op.Service.Name) {
		return op, nil
	}
	s, err := t.Service(first)
	if err != nil {
		return nil, err
	}
	if same := s.Operation(op.Name); same != nil {
		return same, nil
	}
	return op, nil
}

// sameHosts reports whether two services answer at the same hosts of AWS.
func (x *index) sameHosts(a, b string) bool {
	for id, at := range x.byName[b].Hosts {
		if x.byName[a].Hosts[id].Host != at.Host {
			return false
		}
	}
	return true
}

// action returns the Action of a form or of a query string, where a candidate
// speaks the query wire or the body was a form.
func (n *naming) action(candidates []*lineJSON) (string, error) {
	form, query := n.r.Form["Action"], n.r.Query["Action"]
	if n.r.Form == nil && !speaksQuery(candidates) {
		return "", nil
	}
	for _, values := range []url.Values{n.r.Form, n.r.Query} {
		for key := range values {
			if key != "Action" && strings.EqualFold(key, "Action") || key != "Version" && strings.EqualFold(key, "Version") && speaksQuery(candidates) {
				return "", fmt.Errorf("%w: the request has %q, which could be meant for the Action or Version", ErrUnknown, clip(key))
			}
		}
	}
	switch {
	case len(form)+len(query) == 0:
		return "", nil
	case len(form)+len(query) > 1:
		return "", fmt.Errorf("%w: the request has several Actions", ErrUnknown)
	}
	action := append(form[:len(form):len(form)], query...)[0]
	if action == "" || len(action) > maxName {
		return "", fmt.Errorf("%w: the Action is empty or too long", ErrUnknown)
	}
	return action, nil
}

// speaksQuery says whether one of the services takes Actions. Those that are
// compatible with the query wire did before their models left it, and older
// clients still send them.
func speaksQuery(lines []*lineJSON) bool {
	for _, s := range lines {
		if s.QueryCompatible {
			return true
		}
		for _, w := range s.Wires {
			if w == Query || w == EC2 {
				return true
			}
		}
	}
	return false
}

// query names a call of the query and ec2 wires. The version tells services
// of one signing name apart.
func (n *naming) query(candidates []*lineJSON, action string) (Call, error) {
	if !n.atRoot(candidates) || n.r.Method != http.MethodPost && n.r.Method != http.MethodGet {
		return Call{}, fmt.Errorf("%w: an Action on something other than GET or POST /", ErrUnknown)
	}
	if len(n.r.Form["Version"])+len(n.r.Query["Version"]) > 1 {
		return Call{}, fmt.Errorf("%w: the request has several Versions", ErrUnknown)
	}
	version := first(n.r.Form, n.r.Query, "Version")
	if candidates == nil && version != "" {
		// Unsigned, as sts AssumeRoleWithWebIdentity: few share a version.
		candidates = ofVersion(n.table.index.services, version)
	}
	var lines []*lineJSON
	for _, s := range candidates {
		if speaksQuery([]*lineJSON{s}) {
			lines = append(lines, s)
		}
	}
	if len(lines) > 1 {
		lines = ofVersion(lines, version)
	}
	if err := n.ownVersion(lines, version); err != nil {
		return Call{}, err
	}
	wire := Query
	if len(lines) > 0 && lines[0].Wires[0] == EC2 {
		wire = EC2
	}
	return n.named(lines, action, wire, func() string { return fmt.Sprintf("Action %q", clip(action)) })
}

// ownVersion returns an error where the version is of another service of the
// signing name than the one that the client, or a base path, speaks of: AWS
// goes by the version.
func (n *naming) ownVersion(lines []*lineJSON, version string) error {
	if len(lines) != 1 || lines[0].Version == version {
		return nil
	}
	for _, s := range n.table.index.bySigning[n.r.SigningName] {
		if s != lines[0] && s.Version != lines[0].Version && speaksQuery([]*lineJSON{s}) && (version == "" || s.Version == version) {
			return fmt.Errorf("%w: version %q of %s", ErrUnknown, clip(version), lines[0].Name)
		}
	}
	return nil
}

// ofVersion keeps the services of an API version, all where it says nothing.
func ofVersion(lines []*lineJSON, version string) []*lineJSON {
	if version == "" {
		return lines
	}
	var out []*lineJSON
	for _, s := range lines {
		if s.Version == version {
			out = append(out, s)
		}
	}
	return out
}

func first(form, query url.Values, key string) string {
	if form.Has(key) {
		return form.Get(key)
	}
	return query.Get(key)
}

// atRoot says whether the path is one of the wires that have no paths. Older
// clients of SQS send to the queue's URL: /account/queue.
func (n *naming) atRoot(candidates []*lineJSON) bool {
	if n.r.Path == "" || n.r.Path == "/" {
		return true
	}
	parts := strings.Split(n.r.Path, "/")
	return len(candidates) == 1 && candidates[0].Name == "sqs" &&
		len(parts) == 3 && parts[1] != "" && parts[2] != ""
}
