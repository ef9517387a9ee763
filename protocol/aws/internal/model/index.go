package model

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

type (
	indexJSON struct {
		Services   []*lineJSON `json:"services"`
		Partitions []partition `json:"partitions"`
		Hosts      [][]string  `json:"hosts"`
		Families   [][]string  `json:"families"`
	}
	// lineJSON is what is known of a service without its file.
	lineJSON struct {
		Name            string              `json:"name"`
		Signing         string              `json:"signing"`
		Prefix          string              `json:"prefix"`
		Wires           []Wire              `json:"wires"`
		Version         string              `json:"version"`
		ID              string              `json:"id"`
		Target          string              `json:"target"`
		XML             string              `json:"xml"`
		QueryCompatible bool                `json:"queryCompatible"`
		Also            []string            `json:"also"`
		Hosts           map[string]hostJSON `json:"hosts"`
		Forms           []string            `json:"forms"`
		Path            string              `json:"path"`
		HostPrefixes    []string            `json:"hostPrefixes"`
		Unsigned        bool                `json:"unsigned"`
	}
	// hostJSON is where a service answers in a partition: a template for
	// most regions and the others by name, each with the region to sign for
	// where it is not the same.
	hostJSON struct {
		Host    string               `json:"h"`
		Signing string               `json:"r"`
		Except  map[string][2]string `json:"x"`
	}
	partition struct {
		ID      string   `json:"id"`
		Suffix  string   `json:"suffix"`
		Dual    string   `json:"dual"`
		Pattern string   `json:"pattern"`
		Regions []string `json:"regions"`
		Global  string   `json:"global"`

		region *regexp.Regexp
		known  map[string]bool
	}
)

// index finds services without decoding them.
type index struct {
	services   []*lineJSON
	partitions []partition
	byName     map[string]*lineJSON
	bySigning  map[string][]*lineJSON
	byTarget   map[string][]*lineJSON // by the unqualified target prefix
	byHint     map[string][]*lineJSON
	// byForm has what stands before the partition's suffix, with {region}
	// for the region and * for one label that may be anything.
	byForm map[string][]*lineJSON
	// global has the partition of forms without a region.
	global map[string]*partition
	// byFull has the templates of hosts outside the partitions' suffixes.
	byFull map[string][]*lineJSON
	// families has the first service of a family by the others.
	families map[string]string
	// unsigned services have operations that need no signature.
	unsigned []*lineJSON
}

func newIndex(raw indexJSON) (*index, error) {
	x := &index{
		services:   raw.Services,
		partitions: raw.Partitions,
		byName:     make(map[string]*lineJSON),
		bySigning:  make(map[string][]*lineJSON),
		byTarget:   make(map[string][]*lineJSON),
		byHint:     make(map[string][]*lineJSON),
		byForm:     make(map[string][]*lineJSON),
		global:     make(map[string]*partition),
		byFull:     make(map[string][]*lineJSON),
		families:   make(map[string]string),
	}
	if len(x.services) == 0 || len(x.partitions) == 0 {
		return nil, errors.New("AWS model: the table's index is empty")
	}
	for i := range x.partitions {
		p := &x.partitions[i]
		// \w would let underscores into host names.
		re, err := regexp.Compile(strings.ReplaceAll(p.Pattern, `\w`, `[a-z0-9]`))
		if err != nil {
			return nil, fmt.Errorf("AWS model: partition %s: %w", p.ID, err)
		}
		p.region, p.known = re, make(map[string]bool)
		for _, r := range p.Regions {
			p.known[r] = true
		}
	}
	for _, s := range x.services {
		if s.Name == "" || s.Signing == "" || len(s.Wires) == 0 || x.byName[s.Name] != nil {
			return nil, fmt.Errorf("AWS model: the table's line of %q is not complete", s.Name)
		}
		x.add(s)
	}
	x.addForms()
	for _, own := range raw.Hosts {
		s := x.byName[own[0]]
		if len(own) != 2 || s == nil {
			return nil, fmt.Errorf("AWS model: host %v belongs to no service", own)
		}
		addLine(x.byForm, own[1], s)
	}
	for _, family := range raw.Families {
		for _, name := range family[1:] {
			x.families[name] = family[0]
		}
	}
	return x, nil
}

func (x *index) add(s *lineJSON) {
	x.byName[s.Name] = s
	if s.Unsigned {
		x.unsigned = append(x.unsigned, s)
	}
	addLine(x.bySigning, s.Signing, s)
	for _, also := range s.Also {
		addLine(x.bySigning, also, s)
	}
	if s.Target != "" {
		addLine(x.byTarget, unqualified(s.Target), s)
	}
	for _, hint := range []string{s.Name, s.Prefix, s.Signing, s.ID} {
		addLine(x.byHint, plain(hint), s)
	}
	for i := range x.partitions {
		p := &x.partitions[i]
		at := s.Hosts[p.ID]
		x.addHost(p, s, at.Host)
		for _, e := range at.Except {
			x.addHost(p, s, e[0])
		}
	}
}

// addForms learns the forms of further hosts: names of FIPS and dual stack
// endpoints, and old ones. What another service is called now is left to it.
func (x *index) addForms() {
	current := maps.Clone(x.byForm)
	for _, s := range x.services {
		for _, form := range s.Forms {
			if current[form] == nil {
				x.addForm(s, form)
			}
		}
	}
}

// addHost learns one of a service's hosts in a partition.
func (x *index) addHost(p *partition, s *lineJSON, host string) {
	if host == "" {
		return
	}
	rest, ok := p.cut(host)
	if !ok {
		addLine(x.byFull, host, s)
		return
	}
	labels := strings.Split(rest, ".")
	p.markRegion(labels)
	form := strings.Join(labels, ".")
	if !strings.Contains(form, "{region}") && x.global[form] == nil {
		x.global[form] = p
	}
	x.addForm(s, form)
}

// addForm learns a form, with the prefixes that operations may put before it.
func (x *index) addForm(s *lineJSON, form string) {
	addLine(x.byForm, form, s)
	for _, prefix := range s.HostPrefixes {
		if i := strings.LastIndexByte(prefix, '}'); i >= 0 {
			prefix = "*" + prefix[i+1:]
		}
		addLine(x.byForm, prefix+form, s)
	}
}

// cut returns what stands before the partition's domain.
func (p *partition) cut(host string) (string, bool) {
	if rest, ok := cutSuffix(host, p.Suffix); ok {
		return rest, true
	}
	return cutSuffix(host, p.Dual)
}

// markRegion replaces the label that is a region of the partition by
// "{region}" and returns what it was.
func (p *partition) markRegion(labels []string) string {
	for i := len(labels) - 1; i >= 0; i-- {
		if labels[i] == "{region}" {
			return ""
		}
		if p.hasRegion(labels[i]) {
			region := labels[i]
			labels[i] = "{region}"
			return region
		}
	}
	return ""
}

// hasRegion says whether the partition has, or may come to have, the region.
func (p *partition) hasRegion(region string) bool {
	return len(region) <= maxLabel && (p.known[region] || p.region.MatchString(region))
}

// unqualified is a target without the namespace that some clients send before
// it: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.
func unqualified(target string) string {
	return target[strings.LastIndexByte(target, '.')+1:]
}

func addLine(m map[string][]*lineJSON, key string, s *lineJSON) {
	for _, have := range m[key] {
		if have == s {
			return
		}
	}
	m[key] = append(m[key], s)
}

func cutSuffix(host, suffix string) (rest string, ok bool) {
	rest, ok = strings.CutSuffix(host, suffix)
	if !ok || len(rest) < 2 || rest[len(rest)-1] != '.' {
		return "", false
	}
	return rest[:len(rest)-1], true
}

// plain is a name without case and punctuation, for the spellings that
// clients have of one service.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, name)
}
