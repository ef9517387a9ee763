package model

import (
	"fmt"
	"strings"
)

// Endpoint returns the host where a service answers in a region, and the
// region to sign for, which for global services is another. It knows the
// regions of all partitions, and takes those that a partition may come to
// have. The result is always a name that ParseHost knows; the error says what
// there is not.
func (t *Table) Endpoint(s *Service, region string) (host, signingRegion string, err error) {
	line := t.index.byName[s.Name]
	if line == nil {
		return "", "", fmt.Errorf("%w: no AWS service is called %q", ErrUnknown, clip(s.Name))
	}
	p := t.index.partitionOf(region)
	if p == nil {
		return "", "", fmt.Errorf("AWS endpoint: %q is no region of AWS", clip(region))
	}
	at, ok := line.Hosts[p.ID]
	if !ok {
		return "", "", fmt.Errorf("AWS endpoint: %s has none in the partition %s", s.Name, p.ID)
	}
	host, signingRegion = at.Host, at.Signing
	if e, ok := at.Except[region]; ok {
		host, signingRegion = e[0], e[1]
	}
	if signingRegion == "" {
		signingRegion = region
	}
	host = strings.ReplaceAll(host, "{region}", region)
	if _, ok := t.ParseHost(host); !ok {
		return "", "", fmt.Errorf("AWS endpoint: %s has none in %s", s.Name, clip(region))
	}
	return host, signingRegion, nil
}

// partitionOf returns the partition of a region, or nil.
func (x *index) partitionOf(region string) *partition {
	for i := range x.partitions {
		if x.partitions[i].known[region] {
			return &x.partitions[i]
		}
	}
	for i := range x.partitions {
		if x.partitions[i].hasRegion(region) {
			return &x.partitions[i]
		}
	}
	return nil
}
