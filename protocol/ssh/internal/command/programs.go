package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

func (c *call) sysctl() {
	c.does |= read
	rest := c.options(&row{opts: "-abnNqeAX --all --values --names -w!wda -p!wda --write!wda --load!wda --system!wda", worst: write | destroy | access})
	for _, a := range rest {
		if !a.exact || strings.Contains(a.text, "=") {
			c.does |= write | destroy | access
		}
	}
}

func (c *call) service() {
	if len(c.args) == 1 && c.args[0].exact && c.args[0].text == "--status-all" || len(c.args) == 2 && c.args[0].exact && c.args[1].exact && c.args[1].text == "status" {
		c.does |= read
		return
	}
	c.does |= write | destroy | code | opaque
}

func (c *call) date() {
	c.does |= read
	rest := c.options(&row{opts: "-uR -d: -I? -f< -r< -s:!wa --utc --universal --date: --iso-8601? --rfc-3339: --rfc-email --reference< --set:!wa --file<", worst: write | access})
	for _, a := range rest {
		if !a.exact && a.text == "" || !strings.HasPrefix(a.text, "+") {
			c.does |= write | access // sets the clock
		}
	}
}

func (c *call) mount() {
	if len(c.args) == 0 || len(c.args) == 1 && c.args[0].exact && c.args[0].text == "-l" {
		c.does |= read
		return
	}
	c.does |= read | write | destroy | access | code
	c.touchAll(c.options(&row{opts: "-rwvanf -t: -o: --bind --rbind --move", worst: protocol.Everything}), write|destroy|access)
}

// uniq writes to its second operand.
func (c *call) uniq() {
	c.does |= read
	rest := c.options(&row{opts: "-cdDiuz -f: -s: -w: --count --repeated --unique --ignore-case --skip-fields: --skip-chars: --check-chars:", worst: write | destroy})
	for i, a := range rest {
		e := read
		if i > 0 {
			e = write | destroy
		}
		c.touch(a, e)
		if a.many {
			c.touch(anything(), write|destroy)
		}
	}
}

// rpm asks where -q says so, and else installs.
func (c *call) rpm() {
	if len(c.args) == 0 || !c.args[0].exact || !strings.HasPrefix(c.args[0].text, "-q") && !matches(c.args[0].text, "--query --version") {
		c.does |= pkg
		return
	}
	c.judgeRow(row{does: read, opts: "-qailfcdRpV --queryformat: --qf: --query --all --info --list --requires --provides --changelog --scripts --version", worst: pkg})
}

func (c *call) tee() {
	r := row{does: write | destroy, opts: "-aip --append --ignore-interrupts", rest: files}
	for _, a := range c.args {
		if a.exact && (a.text == "--append" || a.option() && !strings.HasPrefix(a.text, "--") && strings.Contains(a.text, "a")) {
			r.does = write
		}
		if a.exact && a.text == "--" {
			break
		}
	}
	c.judgeRow(r)
}

func (c *call) getent() {
	c.does |= read
	for _, a := range c.args {
		if !a.exact || strings.HasSuffix(a.text, "shadow") {
			c.does |= credential
		}
	}
}

// ps shows the environment of programs where it is asked for: by the letter e
// of its options without a dash, or by name.
func (c *call) ps() {
	r := row{
		does: read, rest: texts,
		opts: "-AaedfFHjlLMmTwyxcnNrSuvo: -C: -G: -g: -p: -s: -t: -U: -o: -O: --forest --no-headers --sort: --pid: --ppid: --user: --format: --headers --cols: --width:",
	}
	c.judgeRow(r)
	for i, a := range c.args {
		letters := a.text
		if strings.HasPrefix(letters, "-") {
			// "-auxe" is read as "auxe" where there is no user "xe".
			_, letters, _ = strings.Cut(letters, "u")
		} else if i > 0 && strings.HasSuffix(c.args[i-1].text, "o") || strings.ContainsAny(letters, ",=:") {
			letters = "" // columns
		}
		if !a.exact || strings.Contains(letters, "e") || strings.Contains(strings.ToLower(a.text), "environ") {
			c.does |= credential
		}
	}
}

func (c *call) printenv() {
	c.does |= read
	for _, a := range c.options(&row{opts: "-0 --null"}) {
		if !a.exact || secretVariable(a.text) {
			c.does |= credential
		}
	}
}

func (c *call) stty() {
	c.does |= read
	for _, a := range c.args {
		if !a.exact || !matches(a.text, "-a -g size speed sane -echo echo raw -raw cooked") {
			c.opaque(write, "an argument that is not known")
		}
	}
}

// kill ends processes, or lists the signals.
func (c *call) kill() {
	if len(c.args) > 0 && c.args[0].exact && (c.args[0].text == "-l" || c.args[0].text == "-L") {
		c.does |= read
		return
	}
	if len(c.args) == 2 && c.args[0].exact && c.args[0].text == "-0" {
		c.does |= read
		return
	}
	c.does |= write | destroy
}
