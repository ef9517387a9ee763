package command

import (
	"strings"
)

// gitDiff compares any two files, where it is not in a repository; so what it is
// given may be files.
func (c *call) gitDiff() {
	r := row{does: read, pages: true, rest: files, opts: gitShow + " --cached --staged -R", worst: read | write | destroy | code}
	c.judgeRow(r)
}

func (c *call) gitConfig() {
	c.paged()
	c.does |= read
	rest := c.options(&row{opts: "-lz --list --get --get-all --get-regexp --global --system --local --show-origin --show-scope --name-only --type:", worst: write | code})
	get := false
	for _, a := range c.args {
		get = get || a.exact && matches(a.text, "--get --get-all --get-regexp --list -l")
	}
	// One operand is a setting to show where it can be the name of one.
	if len(rest) > 1 && !get || len(rest) == 1 && !get && (!rest[0].exact || rest[0].text != "list" && !strings.Contains(rest[0].text, ".")) {
		c.opaque(write|code, "settings can name programs to run")
	}
}

func (c *call) gitBranch() {
	c.paged()
	c.does |= read
	opts := "-avrl --list --all --remotes --verbose --merged? --no-merged? --contains --sort: --show-current --points-at: --format: -n? --column --no-column"
	rest := c.options(&row{opts: opts, worst: write | destroy})
	list := false
	for _, a := range c.args {
		list = list || a.exact && matches(a.text, "-l --list --contains --merged --no-merged --show-current")
	}
	if len(rest) > 0 && !list {
		c.does |= write | destroy
	}
}

func (c *call) gitRemote() {
	c.paged()
	if len(c.args) == 0 && c.name == "git remote" || len(c.args) == 1 && c.args[0].exact && matches(c.args[0].text, "-v --verbose list show") {
		c.does |= read
		if c.name == "git remote" && c.args != nil && len(c.args) == 1 && c.args[0].text == "show" {
			c.opaque(0, "speaks to a server")
		}
		return
	}
	c.opaque(write|destroy, "changes the repository")
}
