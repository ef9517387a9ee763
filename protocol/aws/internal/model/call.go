package model

import (
	"fmt"
	"net/http"
	"strings"
)

// HostPrefix returns what stands before the endpoint's host for this call:
// "sync-", "123456789012.", mostly nothing. Values of its labels come from the
// path or from the header that the request carries them in; the error says
// which one is missing or cannot stand in a host name.
func (c Call) HostPrefix(header http.Header) (string, error) {
	prefix := c.Operation.HostPrefix
	start := strings.IndexByte(prefix, '{')
	if start < 0 {
		return prefix, nil
	}
	end := strings.IndexByte(prefix, '}')
	if end < start || c.Operation.Input == nil {
		return "", fmt.Errorf("AWS model: host prefix %q of %s", prefix, c.Operation.Name)
	}
	m := c.Operation.Input.Member(prefix[start+1 : end])
	if m == nil {
		return "", fmt.Errorf("AWS model: host prefix %q of %s", prefix, c.Operation.Name)
	}
	value := c.Labels[m.Name]
	if m.Location == InHeader {
		value = header.Get(m.WireName)
	}
	value = lower(value)
	if !isLabel(value) || strings.Contains(value, "_") {
		return "", fmt.Errorf("%w: %s needs a %s that can stand in a host name", ErrUnknown, c.Operation.Name, m.Name)
	}
	return prefix[:start] + value + prefix[end+1:], nil
}
