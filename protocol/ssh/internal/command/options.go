package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// row is what is known of a program.
type row struct {
	// does is what running it does, whatever its options.
	does protocol.Effects
	// opts are the options that are understood, see find. All others add
	// Opaque and worst.
	opts string
	// worst is what options that are not understood may do.
	worst protocol.Effects
	// rest is what its operands are.
	rest operands
	// from is what is done to all operands but the last, with lastTo.
	from protocol.Effects
	// first: options end at the first operand.
	first bool
	// deep: it reaches what is below the directories that it is given.
	deep bool
	// here: without operands, it shows the working directory.
	here bool
	// pages: with a terminal, it shows what it has in a pager.
	pages bool
}

// reach is what an option that is not understood may do to any file.
func (r *row) reach() protocol.Effects {
	return r.worst | r.does&(read|write|destroy|access)
}

// operands says what a program's operands are.
type operands int

const (
	// texts are no files.
	texts operands = iota
	// words: nothing that it is given matters, options neither.
	words
	// files are all files.
	files
	// afterOne are files, after a pattern or the like.
	afterOne
	// lastTo are files that go to the last one.
	lastTo
	// nothing: operands are not understood.
	nothing
	// firstOnly: the first is a file.
	firstOnly
	// under: the first names a command of the program, which has its own row.
	under
)

// What options do with their arguments, as the last letters in a row's opts.
const (
	flagOption  = 0   // it has none
	textOption  = ':' // a text
	maybeOption = '?' // a text that can only be attached
	readOption  = '<' // a file that is read
	writeOption = '>' // a file that is written anew
	addOption   = '^' // a file that is written to
	destOption  = '@' // the directory that operands go to
	givenOption = '&' // a pattern, which then is not among the operands
	fileOption  = '%' // a file with patterns, the same
	modeOption  = '=' // none; it is what else is among the operands
	deepOption  = '*' // none; it reaches what is below directories
	awayOption  = '/' // the directory where what follows happens
	loginOption = '$' // none; it starts a shell where nothing else is started
	placeOption = '~' // a text that stands for words of the input
	braceOption = '|' // the same; it can only be attached, else it is "{}"
)

// find looks an option up in opts: fields that blanks separate.
//
//	-abc      letters without an argument
//	-n:       a letter whose argument is a text; other last letters as above
//	--long    the same with long options; an argument follows "=" or is the next
//	-x!wd     the option adds effects: letters as in effectLetters
//	-#        digits
func find(opts, name string) (kind byte, more protocol.Effects, ok bool) {
	long := len(name) > 2
	for f := range strings.FieldsSeq(opts) {
		f, effects, _ := strings.Cut(f, "!")
		end := flagOption
		switch last := f[len(f)-1]; last {
		case textOption, maybeOption, readOption, writeOption, addOption, destOption, givenOption, fileOption, modeOption, deepOption, awayOption, loginOption, placeOption, braceOption:
			if len(f) > 2 {
				end = int(last)
				f = f[:len(f)-1]
			}
		}
		switch {
		case f == name:
		case long || len(f) < 2 || f[1] == '-':
			continue
		case f == "-#" && name[1] >= '0' && name[1] <= '9':
		case strings.IndexByte(f[1:], name[1]) < 0:
			continue
		}
		for i := 0; i < len(effects); i++ {
			more |= effectLetters(effects[i])
		}
		return byte(end), more, true
	}
	return 0, 0, false
}

func effectLetters(c byte) protocol.Effects {
	switch c {
	case 'r':
		return read
	case 'w':
		return write
	case 'd':
		return destroy
	case 'a':
		return access
	case 's':
		return credential
	case 'c':
		return code | opaque
	case 'o':
		return opaque
	}
	return protocol.Everything
}

// options judges a call's options and returns its operands.
func (c *call) options(r *row) []arg {
	if r.rest == words {
		return nil
	}
	var rest []arg
	for i := 0; i < len(c.args); i++ {
		a := c.args[i]
		switch {
		case !a.option():
			rest = append(rest, a)
			if r.first || r.rest == under {
				return append(rest, c.args[i+1:]...)
			}
			continue
		case !a.exact:
			// It may be an option, several, or none.
			c.unclear(r.reach(), "an argument that is not literal")
			rest = append(rest, a)
			continue
		case a.text == "--":
			return append(rest, c.args[i+1:]...)
		}
		if !c.option(r, a, &i) {
			c.unclear(r.reach(), "an option that is not known")
		}
	}
	return rest
}

// option judges one word of options. i is its place, and moves on over an
// argument that the last option has.
func (c *call) option(r *row, a arg, i *int) bool {
	if strings.HasPrefix(a.text, "--") {
		name, _, has := strings.Cut(a.text, "=")
		if !has && (name == "--help" || name == "--version") {
			return true
		}
		kind, more, ok := find(r.opts, name)
		if !ok || has && (bare(kind)) {
			return false
		}
		return c.optionValue(kind, more, a.after(len(name)+1), has, r, i)
	}
	for k := 1; k < len(a.text); k++ {
		kind, more, ok := find(r.opts, "-"+a.text[k:k+1])
		if !ok {
			return false
		}
		if bare(kind) {
			c.optionValue(kind, more, arg{}, false, r, i)
			continue
		}
		return c.optionValue(kind, more, a.after(k+1), k+1 < len(a.text), r, i)
	}
	return true
}

// bare reports whether an option has no argument.
func bare(kind byte) bool {
	return kind == flagOption || kind == modeOption || kind == deepOption || kind == loginOption
}

func (c *call) optionValue(kind byte, more protocol.Effects, value arg, has bool, r *row, i *int) bool {
	c.does |= more
	if more.Any(opaque) {
		c.unclear(more|r.does&(read|write|destroy|access), "an option that reaches further")
	}
	switch kind {
	case flagOption, maybeOption:
		return true
	case modeOption:
		c.given = true
		return true
	case deepOption:
		c.deep = true
		c.opaque(0, "what is below a directory")
		return true
	case loginOption:
		c.login = true
		return true
	case braceOption:
		c.replace = "{}"
		if !has {
			return true
		}
	}
	if !has {
		if *i++; *i >= len(c.args) {
			return true // it complains
		}
		if value = c.args[*i]; value.many {
			c.unclear(r.reach(), "an argument that is not literal")
		}
	}
	switch kind {
	case textOption:
	case readOption:
		c.touch(value, read)
	case writeOption:
		if value.text == "-" && (c.name == "curl" || c.name == "wget") {
			return true // standard output
		}
		c.touch(value, write|destroy)
	case addOption:
		c.touch(value, write)
	case destOption:
		c.given = true
		c.dest = value
		c.touch(value, r.does&^read)
	case givenOption:
		c.given = true
	case fileOption:
		c.given = true
		c.touch(value, read)
	case awayOption:
		c.away()
	case placeOption, braceOption:
		c.replace = value.text
		if !value.exact {
			c.unclear(r.reach(), "an argument that is not literal")
		}
	}
	return true
}

// sub judges a program whose first operand names one of its commands.
func (c *call) sub(r *row, rest []arg) {
	if len(rest) == 0 {
		c.does |= read
		return
	}
	if !rest[0].exact {
		c.opaque(code|r.worst, "a command of it that is not literal")
		return
	}
	next, ok := lookup(c.name + " " + rest[0].text)
	if !ok {
		if f := special(c.name + " " + rest[0].text); f != nil {
			c.name, c.args = c.name+" "+rest[0].text, rest[1:]
			f(c)
			return
		}
		c.opaque(code|r.worst, "a command of it that is not known")
		return
	}
	c.name, c.args = c.name+" "+rest[0].text, rest[1:]
	c.given, c.deep = false, false
	if next.worst == 0 {
		next.worst = r.worst
	}
	c.judgeRow(next)
}
