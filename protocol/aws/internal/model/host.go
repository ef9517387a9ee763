package model

import (
	"slices"
	"strings"
)

// Limits of DNS.
const (
	maxHost  = 253
	maxLabel = 63
)

// Host is what a name of AWS's says.
type Host struct {
	// Services are those that answer there, by their CLI names; several for
	// families such as rds, docdb and neptune. Never empty for AWS's hosts.
	Services []string
	// Region is empty in names of global services.
	Region string
	// Partition is "aws", "aws-cn", ...
	Partition string
	// Prefix is what stands before the service's own name: an account, the
	// name of an API. It ends without a dot.
	Prefix string
	// Bucket is S3's bucket or access point, where the host names it.
	Bucket string
	// Express says that it is S3's express endpoint, AccessPoint that Bucket
	// is the name of an access point with its account.
	Express, AccessPoint bool

	lines []*lineJSON
}

// ParseHost tells what an AWS host name is for. It says no to everything that
// is not an API of AWS that the table knows: also to names below AWS's domains
// that belong to customers, such as load balancers, instances, databases,
// VPC endpoints, function URLs and websites. A port is not looked at; a dot
// at the end is refused.
func (t *Table) ParseHost(host string) (Host, bool) {
	host, ok := cleanHost(host)
	if !ok {
		return Host{}, false
	}
	x := t.index
	for i := range x.partitions {
		p := &x.partitions[i]
		rest, ok := p.cut(host)
		if !ok {
			continue
		}
		if h, ok := x.parse(p, rest); ok {
			return h, true
		}
	}
	// Hosts outside the partitions' domains are few.
	labels := strings.Split(host, ".")
	for i := range x.partitions {
		p := &x.partitions[i]
		marked := slices.Clone(labels)
		region := p.markRegion(marked)
		if lines := x.byFull[strings.Join(marked, ".")]; lines != nil {
			return newHost(p, lines, region), true
		}
	}
	return Host{}, false
}

func newHost(p *partition, lines []*lineJSON, region string) Host {
	h := Host{Region: region, Partition: p.ID, lines: lines}
	for _, s := range lines {
		h.Services = append(h.Services, s.Name)
	}
	return h
}

// cleanHost takes off a port and lowers the case; what is no host name is
// refused.
func cleanHost(host string) (string, bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		port := host[i+1:]
		if port == "" || len(port) > 5 || strings.Trim(port, "0123456789") != "" {
			return "", false
		}
		host = host[:i]
	}
	if len(host) > maxHost {
		return "", false
	}
	host = lower(host)
	for label := range strings.SplitSeq(host, ".") {
		if !isLabel(label) {
			return "", false
		}
	}
	return host, true
}

// lower is for ASCII; other letters are no part of host names.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// isLabel allows underscores, which old buckets have.
func isLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// parse looks at what stands before a partition's suffix.
func (x *index) parse(p *partition, rest string) (Host, bool) {
	labels := strings.Split(rest, ".")
	if h, s3, ok := x.parseS3(p, labels); s3 {
		return h, ok
	}
	region := p.markRegion(labels)
	for _, form := range [][]string{labels, withoutFIPS(labels)} {
		if h, ok := x.lookup(p, form, region); ok {
			return h, true
		}
	}
	return Host{}, false
}

// lookup finds the form itself, the form with any first label, and for names
// without a region the form of a regional service, since many old names stand
// for us-east-1.
func (x *index) lookup(p *partition, labels []string, region string) (Host, bool) {
	form := strings.Join(labels, ".")
	if lines := x.byForm[form]; lines != nil {
		if other := x.global[form]; other != nil {
			p = other
		}
		return newHost(p, lines, region), true
	}
	if len(labels) > 1 && labels[0] != "{region}" {
		if lines := x.byForm["*."+strings.Join(labels[1:], ".")]; lines != nil {
			h := newHost(p, lines, region)
			h.Prefix = labels[0]
			return h, true
		}
	}
	if region == "" {
		if lines := x.byForm[form+".{region}"]; lines != nil {
			return newHost(p, lines, ""), true
		}
	}
	return Host{}, false
}

// withoutFIPS takes the marks of FIPS and of dual stack off.
func withoutFIPS(labels []string) []string {
	out := make([]string, 0, len(labels))
	for _, label := range labels {
		if label == "dualstack" || label == "fips" {
			continue
		}
		label = strings.TrimSuffix(label, "-fips")
		out = append(out, strings.TrimPrefix(label, "fips-"))
	}
	return out
}
