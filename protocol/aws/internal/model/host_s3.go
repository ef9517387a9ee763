package model

import "strings"

// parseS3 understands S3's names, which have buckets of several labels in
// front: bucket.s3.dualstack.region, name-account.s3-accesspoint.region,
// bucket.s3express-az.region. s3 says that the name is one of that kind.
func (x *index) parseS3(p *partition, labels []string) (h Host, s3, ok bool) {
	at := len(labels) - 1
	region := ""
	if p.hasRegion(labels[at]) {
		region = labels[at]
		at--
	}
	if at >= 0 && labels[at] == "dualstack" {
		at--
	}
	if at < 0 {
		return Host{}, false, false
	}
	kind := strings.TrimSuffix(labels[at], "-fips")
	before := strings.Join(labels[:at], ".")
	services := []string{"s3"}
	h = Host{Region: region}
	switch {
	case kind == "s3", kind == "s3-accelerate" && region == "", kind == "s3-external-1" && region == "":
		h.Bucket = before
	case kind == "s3-accesspoint", kind == "s3-object-lambda", kind == "s3-outposts":
		h.Bucket, h.AccessPoint = before, before != ""
	case kind == "s3-control":
		services, h.Prefix = []string{"s3control"}, before
		if strings.Contains(before, ".") {
			return Host{}, true, false
		}
	case kind == "s3express-control":
		h.Bucket, h.Express = before, true
		services = append(services, "s3control") // access points of directories
	case strings.HasPrefix(kind, "s3express-"):
		h.Bucket, h.Express = before, true
		if region == "" || before == "" {
			return Host{}, true, false
		}
	case strings.HasPrefix(kind, "s3-website"):
		return Host{}, true, false
	case strings.HasPrefix(kind, "s3-"):
		// The oldest form has the region in the same label.
		if region != "" || !p.hasRegion(kind[len("s3-"):]) {
			return Host{}, false, false
		}
		h.Region, h.Bucket = kind[len("s3-"):], before
	default:
		return Host{}, false, false
	}
	if kind == "s3-outposts" && before == "" {
		return Host{}, false, false // the service of that name
	}
	h.Partition, h.Services = p.ID, services
	for _, name := range services {
		line := x.byName[name]
		if line == nil {
			return Host{}, true, false
		}
		h.lines = append(h.lines, line)
	}
	return h, true, true
}
