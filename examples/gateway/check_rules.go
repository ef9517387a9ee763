package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// checkRules makes the policy's rules of their fields. Each rule is compiled
// alone, so that what the library says of it gets the rule's line.
func (c *checker) checkRules() {
	c.need("rules", len(c.Rules) > 0, "what no rule allows is denied, so nothing would be allowed")
	approvers := c.Approvers.names()
	seen := map[string]bool{}
	for i, r := range c.Rules {
		at := fmt.Sprintf("rules[%d]", i)
		c.need(at+".verdict", r.Verdict.given, "allow, ask or deny")
		rule := approve.Rule{
			Name: r.Name, Principals: r.Principals, Groups: r.Groups, Targets: r.Targets, Verbs: r.Verbs,
			Effects: r.Effects.joined(), Objects: r.Objects, Verdict: r.Verdict.value, Reason: r.Reason,
			Approvers: r.Approvers, Timeout: time.Duration(r.Timeout), MaxBytes: int64(r.MaxBytes), Optional: r.Optional,
		}
		c.rules = append(c.rules, rule)
		if seen[r.Name] && r.Name != "" {
			c.wrong(at+".name", "another rule is called %q", r.Name)
		}
		seen[r.Name] = true
		if !c.complainedIn(at) {
			_, err := approve.NewPolicy(rule)
			c.blame(at, err)
		}
		for j, name := range r.Targets {
			if !strings.ContainsAny(name, "*?") && !slices.ContainsFunc(c.Targets, func(t targetConfig) bool { return t.Name == name }) {
				c.wrong(fmt.Sprintf("%s.targets[%d]", at, j), "there is no target %q", name)
			}
		}
		if rule.Verdict != protocol.Ask {
			continue
		}
		if len(approvers) == 0 {
			c.wrong(at+".verdict", "asks, but there is nobody to ask under approvers")
			continue
		}
		for j, name := range r.Approvers {
			if !slices.Contains(approvers, name) {
				c.wrong(fmt.Sprintf("%s.approvers[%d]", at, j), "there is no approver %q", name)
			}
		}
	}
}

// complainedIn reports whether something is wrong in the section already.
func (c *checker) complainedIn(path string) bool {
	return slices.ContainsFunc(c.problems, func(p problem) bool {
		return p.field == path || strings.HasPrefix(p.field, path+".")
	})
}

// blame notes what the library says of a rule. It begins with the rule's name
// and goes on with that of the field in Go, which is as in the file but for
// its first letter.
func (c *checker) blame(at string, err error) {
	if err == nil {
		return
	}
	for _, text := range strings.Split(err.Error(), "\n") {
		if _, rest, ok := strings.Cut(text, ": "); ok {
			text = rest
		}
		field := at
		if first, rest, _ := strings.Cut(text, " "); strings.TrimSuffix(first, ":") != "" {
			name := at + "." + strings.ToLower(strings.TrimSuffix(first, ":"))
			if _, there := c.lines[name]; there {
				field, text = name, rest
			}
		}
		c.wrong(field, "%s", text)
	}
}

// checkMasks makes the masking rules of their fields.
func (c *checker) checkMasks() {
	for i, col := range c.Masks.Columns {
		at := fmt.Sprintf("masks.columns[%d]", i)
		c.need(at+".column", col.Column != "", "table.column or schema.table.column")
		method := c.method(at, col)
		if method == nil || col.Column == "" {
			continue
		}
		rule := mask.Columns(col.Column, method)
		if col.Optional {
			rule = rule.Optional()
		}
		c.mask(at+".column", rule)
	}
	for i, name := range c.Masks.Detectors {
		switch at := fmt.Sprintf("masks.detectors[%d]", i); name {
		case "secrets":
			c.mask(at, mask.Secrets())
		case "personal":
			c.mask(at, mask.Personal())
		default:
			c.wrong(at, "there is no detector %q; there are secrets and personal", name)
		}
	}
	for i, p := range c.Masks.Patterns {
		at := fmt.Sprintf("masks.patterns[%d]", i)
		if c.need(at+".name", p.Name != "", "the record calls the pattern by it") && c.need(at+".expr", p.Expr != "", "a regular expression") {
			c.mask(at+".expr", mask.Pattern(p.Name, p.Expr))
		}
	}
	// What holds between rules, such as two for one column.
	if !c.complainedIn("masks") {
		if _, err := mask.New(c.masks...); err != nil {
			c.wrong("masks", "%s", err)
		}
	}
}

func (c *checker) mask(path string, rule mask.Rule) {
	if _, err := mask.New(rule); err != nil {
		c.wrong(path, "%s", strings.TrimPrefix(err.Error(), "mask rule 1: "))
		return
	}
	c.masks = append(c.masks, rule)
}

// method returns the way a column is hidden, nil after a mistake.
func (c *checker) method(at string, col columnConfig) mask.Method {
	if col.Keep != 0 && col.Method != "keep" {
		c.wrong(at+".keep", "is for method: keep")
		return nil
	}
	if col.Key.given() && col.Method != "hash" {
		c.wrong(at+".key", "is for method: hash")
		return nil
	}
	switch col.Method {
	case "", "full":
		return mask.Full()
	case "null":
		return mask.Null()
	case "keep":
		if col.Keep < 1 {
			c.wrong(at+".keep", "how many characters at the end are shown, at least 1")
			return nil
		}
		return mask.Keep(col.Keep)
	case "hash":
		if !c.need(at+".key", col.Key.given(), "at least 16 random bytes") || !c.secrets {
			return nil
		}
		key, err := col.Key.read()
		if err == nil && len(key) < 16 {
			err = fmt.Errorf("must be at least 16 random bytes")
		}
		if err != nil {
			c.wrong(at+".key", "%s", err)
			return nil
		}
		return mask.Hash([]byte(key))
	}
	c.wrong(at+".method", "%q is none of full, keep, hash, null", col.Method)
	return nil
}
