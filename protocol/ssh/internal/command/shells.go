package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// sh judges a shell.
func (c *call) sh() {
	kind := anyShell
	switch c.name {
	case "bash", "rbash":
		kind = bash
	case "fish", "csh", "tcsh":
		c.unclear(protocol.Everything, "a language that is not parsed")
	}
	script, stdin, interactive := false, false, false
	i := 0
options:
	for ; i < len(c.args); i++ {
		a := c.args[i]
		if a.option() && !a.exact {
			c.unclear(protocol.Everything, "an argument that is not literal")
			return
		}
		switch {
		case a.text == "-" || a.text == "--":
			i++
			break options
		case a.text == "--login", a.text == "--norc", a.text == "--noprofile", a.text == "--posix", a.text == "--noediting", a.text == "--restricted":
		case a.text == "--version" || a.text == "--help":
			c.does |= read
			return
		case strings.HasPrefix(a.text, "--"):
			c.unclear(protocol.Everything, "an option that is not known")
			i++ // it may have an argument
		case a.exact && len(a.text) > 1 && (a.text[0] == '-' || a.text[0] == '+'):
			for _, letter := range a.text[1:] {
				switch letter {
				case 'c':
					script = script || a.text[0] == '-'
				case 's':
					stdin = true
				case 'i':
					interactive = true
				case 'l', 'e', 'u', 'x', 'f', 'n', 'v', 'p', 'h', 'm', 'b':
				case 'o', 'O':
					if i++; i >= len(c.args) || !c.args[i].exact {
						c.unclear(protocol.Everything, "an argument that is not literal")
					} else if !matches(c.args[i].text, "pipefail errexit nounset xtrace noglob noclobber") {
						c.opaque(code, "an option that is not known")
					}
				default:
					c.unclear(protocol.Everything, "an option that is not known")
				}
			}
		default:
			break options
		}
	}
	rest := c.args[min(i, len(c.args)):]
	if interactive {
		c.typed()
	}
	switch {
	case script:
		if len(rest) == 0 {
			return // it complains
		}
		if !rest[0].exact || rest[0].home {
			c.unclear(protocol.Everything, "a script that is not literal")
			return
		}
		c.inner(rest[0].text, kind)
	case len(rest) > 0 && !stdin:
		c.does |= code | opaque
		c.remark(c.name + ": runs a file")
		c.touch(rest[0], read)
	default:
		c.reads(kind)
	}
}

// typed notes that what runs is typed or sent by the client.
func (c *call) typed() {
	c.shell = true
	c.does |= protocol.Everything
	c.remark(c.name + ": runs what it is sent")
}

// reads judges a shell that reads its commands from its input.
func (c *call) reads(kind dialect) {
	switch {
	case c.stdin.from == fromText && c.stdin.exact:
		c.inner(c.stdin.text, kind)
	case c.stdin.from == fromText:
		c.unclear(protocol.Everything, "a script that is not literal")
	case c.stdin.from == fromFile:
		c.opaque(code, "runs a file")
	default:
		c.typed()
	}
}

// inner judges a text that a new shell runs.
func (c *call) inner(text string, kind dialect) {
	c.does |= c.scope(func() {
		cwd, in := c.cwd, c.stdin
		differs := c.differs
		c.text(text, kind)
		c.cwd, c.stdin, c.differs = cwd, in, differs
	})
}

// command is command, with its options.
func (c *call) command() {
	for i, a := range c.args {
		switch {
		case a.exact && (a.text == "-v" || a.text == "-V" || a.text == "-pv"):
			c.does |= read
			return
		case a.exact && (a.text == "-p" || a.text == "--"):
			continue
		case a.option():
			c.unclear(protocol.Everything, "an option that is not known")
		}
		c.starts(c.args[i:])
		return
	}
}

func (c *call) exec() {
	rest := c.options(&row{opts: "-c -l -a:", first: true})
	c.starts(rest)
	if len(rest) > 0 {
		c.judge.cwd = nil
	}
}

// eval runs its arguments, joined by blanks.
func (c *call) eval() {
	texts := make([]string, 0, len(c.args))
	for i, a := range c.args {
		if !a.exact || a.home {
			c.unclear(protocol.Everything, "a script that is not literal")
			return
		}
		if i == 0 && a.text == "--" {
			continue
		}
		texts = append(texts, a.text)
	}
	c.does |= c.scope(func() {
		c.text(strings.Join(texts, " "), anyShell)
		c.cwd = nil // it may have gone elsewhere
	})
}

func (c *call) source() {
	c.opaque(code, "runs a file")
	if len(c.args) > 0 {
		c.touch(c.args[0], read)
	}
	c.judge.cwd = nil
}

// trap runs its first argument later.
func (c *call) trap() {
	if len(c.args) > 0 && c.args[0].exact && c.args[0].text == "--" {
		c.args = c.args[1:]
	}
	if len(c.args) == 0 || c.args[0].exact && matches(c.args[0].text, "- -l -p") {
		c.does |= read
		return
	}
	if a := c.args[0]; !a.exact || a.home {
		c.unclear(protocol.Everything, "a script that is not literal")
	} else {
		cwd := c.cwd
		c.judge.cwd = nil
		c.does |= c.scope(func() { c.text(a.text, anyShell) })
		c.judge.cwd = cwd
	}
}

func (c *call) alias() {
	for _, a := range c.args {
		if !a.exact || strings.Contains(a.text, "=") {
			c.unclear(protocol.Everything, "gives names another meaning")
			return
		}
	}
	c.does |= read
}

func (c *call) coproc() { c.unclear(protocol.Everything, "only some shells know it") }

func (c *call) cd() {
	to := []string{""}
	known := true
	var dir *arg
	for i := range c.args {
		a := &c.args[i]
		if a.exact && matches(a.text, "-L -P -- -e -n") {
			known = known && a.text != "-P"
			continue
		}
		if dir != nil {
			known = false
		}
		dir = a
	}
	switch {
	case dir == nil:
		known = known && c.name == "cd"
	case !dir.exact || dir.text == "" || strings.HasPrefix(dir.text, "-") || strings.HasPrefix(dir.text, "+"):
		known = false
	default:
		to = c.names(*dir)
		for i, name := range to {
			switch name {
			case "~", ".":
				to[i] = ""
			}
		}
	}
	if !known || len(to) == 0 {
		c.judge.cwd, c.judge.ok = nil, nil
		return
	}
	c.judge.ok = to
	c.judge.cwd = union(c.cwd, to)
}

// test and [
func (c *call) condition() {
	c.does |= read
	for i, a := range c.args {
		if !a.exact {
			// A word that turns out to be -v evaluates what follows.
			if a.many && !a.glob && !a.digits {
				c.opaque(code, "an argument that is not literal")
			}
			continue
		}
		if matches(a.text, "-eq -ne -lt -le -gt -ge") && i > 0 && i+1 < len(c.args) && !(signed(c.args[i-1]) && signed(c.args[i+1])) {
			// Some shells evaluate what is compared.
			c.opaque(code, "arithmetic with more than numbers")
		}
		if (a.text == "-v" || a.text == "-R") && i+1 < len(c.args) && !identifier(c.args[i+1]) {
			c.unclear(protocol.Everything, "a variable's name that is not literal")
		}
	}
}

func signed(a arg) bool {
	return a.digits || a.exact && number(strings.TrimPrefix(a.text, "-"))
}

// count judges what some shells evaluate: the argument of exit, shift and the like.
func (c *call) count() {
	for _, a := range c.args {
		if !signed(a) {
			c.opaque(code, "arithmetic with more than numbers")
		}
	}
}

func (c *call) ulimit() {
	for _, a := range c.args {
		if !a.exact || strings.Contains(a.text, "[") {
			c.opaque(code, "arithmetic with more than numbers")
		}
	}
}

func (c *call) printf() {
	c.does |= read
	if len(c.args) == 0 {
		return
	}
	a := c.args[0]
	switch {
	case !a.option():
	case a.exact && a.text == "--":
	case a.exact && a.text == "-v" && len(c.args) > 1 && identifier(c.args[1]):
		c.assigned(c.args[1].text, false)
		c.args = c.args[2:]
	default:
		c.unclear(protocol.Everything, "a variable's name that is not literal")
	}
	if len(c.args) > 0 && (!c.args[0].exact || !textFormat(c.args[0].text)) {
		c.args = c.args[1:]
		c.count() // some shells evaluate what is printed as a number
	}
}

// textFormat reports whether a format of printf prints texts only.
func textFormat(s string) bool {
	for {
		_, rest, ok := strings.Cut(s, "%")
		if !ok {
			return true
		}
		rest = strings.TrimLeft(rest, "-0123456789.")
		if rest == "" || strings.IndexByte("sbqc%", rest[0]) < 0 {
			return false
		}
		s = rest[1:]
	}
}

// variables judges what sets the variables that it names.
func (c *call) variables() {
	opts := map[string]string{
		"read":      "-r -s -e -t: -n: -N: -p: -d: -u: -a",
		"mapfile":   "-t -d: -n: -O: -s: -u:",
		"readarray": "-t -d: -n: -O: -s: -u:",
		"unset":     "-v -f",
		"wait":      "-n -f",
	}[c.name]
	rest := c.options(&row{opts: opts, worst: protocol.Everything})
	if c.name == "read" || c.name == "mapfile" || c.name == "readarray" {
		c.does |= read
	}
	for i, a := range rest {
		if c.name == "wait" && a.exact && (number(a.text) || strings.HasPrefix(a.text, "%")) || c.name == "getopts" && i != 1 {
			continue
		}
		if !identifier(a) {
			if c.name == "wait" {
				continue
			}
			c.unclear(protocol.Everything, "a variable's name that is not literal")
			continue
		}
		c.assigned(a.text, false)
	}
}

// exports judges export and its like where the parser gives it as a command.
func (c *call) exports() {
	for _, a := range c.args {
		if !a.exact && (a.many || a.text == "" || !strings.Contains(a.text, "=")) {
			c.unclear(protocol.Everything, "a variable's name that is not literal")
			continue
		}
		name, _, _ := strings.Cut(a.text, "=")
		if strings.HasPrefix(name, "-") {
			if strings.Trim(name, "-xgrpf") != "" {
				c.unclear(protocol.Everything, "an option that is not known")
			}
			c.does |= read
			continue
		}
		name = strings.TrimSuffix(name, "+")
		if !identifier(literal(name)) {
			c.unclear(protocol.Everything, "a variable's name that is not literal")
			continue
		}
		c.assigned(name, c.name == "export" || c.name == "declare" || c.name == "typeset")
	}
}

func (c *call) set() {
	for i := 0; i < len(c.args); i++ {
		a := c.args[i]
		switch {
		case !a.exact:
			if a.option() {
				c.opaque(code, "an argument that is not literal")
			}
			continue
		case a.text == "--" || a.text == "-":
			return
		case len(a.text) < 2 || a.text[0] != '-' && a.text[0] != '+':
			return
		case strings.Trim(a.text[1:], "euxfo") != "":
			c.opaque(code, "an option that is not known")
		case strings.HasSuffix(a.text, "o"):
			if i++; i < len(c.args) && !(c.args[i].exact && matches(c.args[i].text, "pipefail errexit nounset xtrace noglob noclobber")) {
				c.opaque(code, "an option that is not known")
			}
		}
	}
}
