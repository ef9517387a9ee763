package command

import (
	"path"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/sallyport/sallyport/protocol"
)

const (
	read       = protocol.Read
	write      = protocol.Write
	destroy    = protocol.Destroy
	access     = protocol.Access
	credential = protocol.Credential
	code       = protocol.Code
	opaque     = protocol.Opaque
	schema     = protocol.Schema
)

type effects = protocol.Effects

// simple judges a simple command: its assignments, its words, its program.
func (j *judge) simple(c *syntax.CallExpr) {
	top := j.top
	j.top = false
	for _, as := range c.Assigns {
		if as.Name.Value == "IFS" && len(c.Args) > 0 && c.Args[0].Lit() == "read" {
			j.word(as.Value) // "IFS= read": for read alone
			continue
		}
		j.assign(as, len(c.Args) > 0)
	}
	args := make([]arg, 0, len(c.Args))
	for _, w := range c.Args {
		args = append(args, j.word(w))
	}
	j.ok = j.cwd
	if len(args) == 0 {
		return
	}
	j.top = top
	j.run(args)
	j.top = false
}

// call is a program with its arguments.
type call struct {
	*judge
	name  string
	args  []arg
	does  protocol.Effects
	whole bool // it is the whole line
	given bool // an option holds what else is among the operands
	deep  bool // what is below directories is reached
	login bool // it starts a shell where it starts nothing else

	dest    arg    // the directory that operands go to
	replace string // what xargs puts words of its input for
}

// run judges the program that args start, and returns what it may do.
func (j *judge) run(args []arg) protocol.Effects {
	whole := j.top
	j.top = false
	if len(args) == 0 {
		return 0
	}
	if !j.enter() {
		return protocol.Everything
	}
	defer j.leave()
	if j.words += len(args); j.words > maxWords {
		j.unknown("more words than are interpreted")
		return protocol.Everything
	}
	name, standard := program(args[0])
	if name == "" {
		j.unknown("a command's name that is not literal")
		j.cwd = nil
		return protocol.Everything
	}
	c := call{judge: j, name: name, args: args[1:], whole: whole}
	inner := j.scope(func() {
		if !standard {
			c.opaque(code, "a program that is not a system's own")
			return
		}
		c.judgeProgram()
	})
	c.does |= inner
	if !standard {
		if names := j.names(args[0]); len(names) == 1 && !climbs(args[0].text) {
			if name = names[0]; !strings.Contains(name, "/") {
				name = "./" + name
			}
		} else {
			name = unnamed
		}
	}
	j.object("command", name, c.does)
	return c.does
}

// longestName is how long a program's name may be, its path included.
const longestName = 255

// program returns the name by which a command is known, and whether that is the
// system's own program: one without a path, or in a directory of the system.
func program(a arg) (name string, standard bool) {
	if !a.exact || a.text == "" || len(a.text) > longestName {
		return "", false
	}
	if a.home {
		return a.text, false
	}
	for i := 0; i < len(a.text); i++ {
		c := a.text[i]
		if c < '+' && c != '%' && c != '#' || c > 'z' && c != '~' || strings.IndexByte(";<=>?\\^`", c) >= 0 || c == ']' {
			return "", false
		}
	}
	if !strings.Contains(a.text, "/") {
		return a.text, true
	}
	if strings.HasPrefix(a.text, "/") && !climbs(a.text) {
		clean := path.Clean(a.text)
		dir, base := path.Dir(clean), path.Base(clean)
		if matches(dir, systemDirs) || base == "sftp-server" && matches(dir, sftpDirs) {
			return base, true
		}
	}
	return a.text, false
}

// systemDirs are where systems keep programs, and nobody but root writes.
const (
	systemDirs = "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /usr/lib/git-core /usr/libexec/git-core /run/current-system/sw/bin"
	sftpDirs   = "/usr/lib/openssh /usr/libexec/openssh /usr/lib/ssh /usr/lib64/ssh /usr/lib64/misc /usr/lib /usr/libexec /usr/local/libexec"
)

// opaque notes that the call does more than is understood.
func (c *call) opaque(e protocol.Effects, why string) {
	c.does |= e | opaque
	c.remark(c.name + ": " + why)
}

// unclear notes that the call may touch files that nobody can name, and run
// programs where e has Code. They are objects of their own, so that a rule that
// allows the program alone does not allow them.
func (c *call) unclear(e protocol.Effects, why string) {
	c.opaque(e, why)
	if e.Any(code) {
		c.object("command", unnamed, e|opaque)
	}
	c.object("path", unnamed, e&^code|opaque)
}

// touch notes a file that the call touches.
func (c *call) touch(a arg, e protocol.Effects) { c.does |= c.path(a, e) }

func (c *call) touchAll(list []arg, e protocol.Effects) {
	for _, a := range list {
		c.touch(a, e)
	}
}

// starts judges a command that the call runs.
func (c *call) starts(args []arg) { c.does |= c.run(args) }

// judgeProgram judges a call by what is known of its program.
func (c *call) judgeProgram() {
	if p, ok := lookup(c.name); ok {
		c.judgeRow(p)
		return
	}
	if f := special(c.name); f != nil {
		f(c)
		return
	}
	if base, _, ok := strings.Cut(c.name, "."); ok && matches(base, "mkfs") {
		c.judgeRow(row{does: read | write | destroy, rest: files})
		return
	}
	// python3.12, perl5.36.0, ruby3.2
	if base := strings.TrimRight(c.name, "0123456789."); base != c.name && matches(base, interpreters) {
		c.interpreter()
		return
	}
	c.opaque(code, "a program that is not known")
}

// judgeRow judges a call by its row of the table.
func (c *call) judgeRow(r row) {
	c.does |= r.does
	if r.does == everything {
		c.remark(c.name + ": can do anything")
	}
	if r.pages {
		c.paged()
	}
	rest := c.options(&r)
	file := r.does & (read | write | destroy | access)
	if r.deep {
		c.opaque(0, "what is below a directory")
		file |= opaque
	}
	if c.deep {
		file |= opaque
	}
	c.operands(&r, rest, file)
}

// into notes the file that a gets in the directory to, if it is one.
func (c *call) into(to, a arg, e protocol.Effects) {
	if !to.exact || !a.exact || to.text == "" || a.text == "" || device(to.text) != noDevice {
		return // Opaque already
	}
	to.text = strings.TrimSuffix(to.text, "/") + "/" + path.Base(a.text)
	c.touch(to, e)
}

// paged notes that the call shows what it has in a pager, where it can.
func (c *call) paged() {
	if c.terminal {
		c.opaque(code, "its pager can run commands in a terminal")
	}
}

func (c *call) operands(r *row, rest []arg, file protocol.Effects) {
	switch r.rest {
	case texts, words:
	case files:
		if len(rest) == 0 && r.here {
			rest = []arg{literal(".")}
		}
		if !r.does.Any(write | destroy) {
			rest = slices.DeleteFunc(rest, func(a arg) bool { return a.exact && a.text == "-" })
		}
		c.touchAll(rest, file)
		if matches(c.name, "strings nm objdump readelf") {
			for _, a := range rest {
				if strings.HasPrefix(a.text, "@") {
					c.unclear(file, "options that are in a file")
				}
			}
		}
	case afterOne:
		if len(rest) > 0 && !c.given {
			rest = rest[1:]
		}
		c.touchAll(rest, file)
	case lastTo:
		if len(rest) > 1 && !c.given {
			from, to := rest[:len(rest)-1], rest[len(rest)-1]
			c.touchAll(from, r.from|file&opaque)
			c.touch(to, r.does&^read|file&opaque)
			for _, a := range from {
				c.into(to, a, r.does&^read|file&opaque)
			}
			return
		}
		c.touchAll(rest, r.from|file&opaque)
		dest := c.dest
		if !c.given {
			dest = literal(".") // "ln /etc/x"
		}
		for _, a := range rest {
			c.into(dest, a, r.does&^read|file&opaque)
		}
	case firstOnly:
		if len(rest) > 0 {
			c.touch(rest[0], file)
		}
	case nothing:
		if len(rest) > 0 {
			c.opaque(r.worst, "an operand")
		}
	case under:
		c.sub(r, rest)
	}
}
