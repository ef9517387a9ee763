package command

import (
	"errors"
	"io"
	"runtime"
	"strings"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"

	"github.com/sallyport/sallyport/protocol"
)

// Bounds of what is interpreted. What is beyond counts as everything.
const (
	// MaxLength is how long a line may be, in bytes.
	MaxLength = 64 << 10
	// maxParsed is how much text is parsed for one line in all: a line can hold
	// texts for other shells, and texts that shells read in two ways are parsed
	// twice.
	maxParsed = 4 * MaxLength
	// maxFrames is how many frames the parser may have on its stack.
	maxFrames = 1500
	// maxDepth is how deeply constructs may be nested in the tree.
	maxDepth = 200
	// maxShells is how deeply shells may be nested: sh -c "sh -c …".
	maxShells = 5
	// maxWords is how many words of commands are looked at; those of a command
	// that another one runs count again.
	maxWords = 2 * MaxLength
	// maxObjects is how many objects are kept apart.
	maxObjects = 256
)

// Parse judges a command line. terminal says that the client asked for a
// terminal, through which pagers and editors can be told to run commands.
//
// Parse never fails: what it cannot read is one line with
// [protocol.Everything] as its effects and a Remark that says why. It takes
// time and memory in proportion to the text, and is safe for concurrent use.
func Parse(text string, terminal bool) Line {
	j := judge{terminal: terminal, cwd: []string{""}}
	switch {
	case len(text) > MaxLength:
		j.unknown("longer than what is interpreted")
	case !utf8.ValidString(text):
		j.unknown("not UTF-8")
	default:
		if r := hidden(text); r != "" {
			j.unknown("holds " + r)
			break
		}
		j.top = true
		j.text(text, anyShell)
	}
	return j.line()
}

// hidden names a character in text that shells, terminals and people read
// differently. A carriage return is one: some shells take it as a part of a word,
// people as the end of a line.
func hidden(text string) string {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == 0:
			return "a NUL byte"
		case c < 0x20 && c != '\n' && c != '\t' || c == 0x7f:
			return "a control character"
		}
	}
	return ""
}

// dialect is what is known of the shell that reads a text.
type dialect int

const (
	// anyShell is a shell of the Bourne family; which one is not known.
	anyShell dialect = iota
	// bash is a shell that reads [[ and (( as bash does.
	bash
)

// text judges a text that a shell reads.
//
// Bash's grammar is a superset of what the others read, but for a handful of
// constructs that a plain POSIX shell takes apart as ordinary commands:
// "[[ a || reboot ]]" and "((reboot))" run reboot there. So where the shell is
// not known, the text is read both ways, and what either runs counts. A POSIX
// shell runs what comes before a mistake, thus statements are taken one by one.
func (j *judge) text(text string, shell dialect) {
	if j.shells >= maxShells {
		j.unknown("shells within shells")
		return
	}
	top := j.top
	j.top = false
	j.shells++
	defer func() { j.shells-- }()

	if strings.Contains(strings.ReplaceAll(text, "\\\n", ""), ")#") {
		// Behind x=(…) a "#" goes on with the word in bash, and begins a
		// comment for the parser.
		j.unknown("a comment that shells read differently")
	}
	stmts, err := j.parse(text, syntax.LangBash)
	if err != nil {
		j.unknown("does not parse: " + complaint(err))
		// What was read counts too, for those who read the objects.
		stmts, _ = j.parse(text, syntax.LangBash)
	}
	j.top = top && err == nil && single(stmts)
	j.differs = false
	before := j.cwd
	j.stmts(stmts)
	j.top = false
	if shell == bash {
		return
	}
	differs := j.differs
	plain, err := j.parse(text, syntax.LangPOSIX)
	if err != nil && differs {
		j.unknown("a POSIX shell would read it differently")
	}
	if !differs {
		return
	}
	after := j.cwd
	j.cwd = before
	j.stmts(plain)
	j.cwd = union(j.cwd, after)
}

// single reports whether stmts is one simple command and nothing else.
func single(stmts []*syntax.Stmt) bool {
	if len(stmts) != 1 {
		return false
	}
	s := stmts[0]
	call, ok := s.Cmd.(*syntax.CallExpr)
	return ok && len(s.Redirs) == 0 && !s.Negated && !s.Background && !s.Coprocess && len(call.Assigns) == 0
}

// parse returns the statements before the first mistake.
func (j *judge) parse(text string, lang syntax.LangVariant) (stmts []*syntax.Stmt, err error) {
	if j.parsed += len(text); j.parsed > maxParsed {
		return nil, errMuch
	}
	defer func() {
		if r := recover(); r != nil {
			err = errPanic
		}
	}()
	p := syntax.NewParser(syntax.Variant(lang))
	for s, err := range p.StmtsSeq(&source{rest: text}) {
		if err != nil {
			return stmts, err
		}
		stmts = append(stmts, s)
	}
	return stmts, nil
}

var (
	errDeep  = errors.New("nested too deeply")
	errMuch  = errors.New("more text than is interpreted")
	errPanic = errors.New("the parser failed")
)

// complaint says what the parser found, without the text that it quotes.
func complaint(err error) string {
	var parse syntax.ParseError
	switch {
	case errors.Is(err, errDeep), errors.Is(err, errMuch), errors.Is(err, errPanic):
		return err.Error()
	case errors.As(err, &parse):
		return "at " + parse.Pos.String()
	}
	return "not this shell's language"
}

// source hands a text to the parser in small pieces. The parser calls itself for
// what is nested and has no bound of its own; each time that it comes for more,
// the height of its stack is looked at. That holds for every construct, known
// or not, and a piece cannot nest deeper than it is long.
type source struct{ rest string }

const piece = 64

func (s *source) Read(p []byte) (int, error) {
	if s.rest == "" {
		return 0, io.EOF
	}
	var pc [1]uintptr
	if runtime.Callers(maxFrames, pc[:]) > 0 {
		return 0, errDeep
	}
	n := copy(p, s.rest[:min(len(s.rest), piece)])
	s.rest = s.rest[n:]
	return n, nil
}

// judge gathers what a line does.
type judge struct {
	terminal bool
	top      bool // the next command is the whole line

	effects protocol.Effects // of what was judged since the last scope began
	objects []protocol.Object
	index   map[objectKey]int
	remarks []string
	shell   bool
	verb    string
	paths   []string
	recurse bool

	cwd     []string // where relative paths may start: "" is the login directory; nil is not known
	ok      []string // the same where the last command succeeded
	stdin   input
	differs bool // a construct that shells read differently was seen

	parsed, shells, depth, words int
}

type objectKey struct{ kind, name string }

func (j *judge) line() Line {
	l := Line{
		Verb: Exec, Effects: j.effects, Objects: j.objects, Remark: strings.Join(j.remarks, "; "),
		Shell: j.shell, Paths: j.paths, Recursive: j.recurse,
	}
	switch {
	case j.shell:
		l.Verb = Shell
	case j.verb != "":
		l.Verb = j.verb
	}
	return l
}

// unnamed is the name of an object that cannot be told. No program and no rule
// that means a certain one has it.
const unnamed = "?"

func (j *judge) object(kind, name string, e protocol.Effects) {
	if name == "" {
		name = unnamed
	}
	j.effects |= e
	key := objectKey{kind, name}
	if i, ok := j.index[key]; ok {
		j.objects[i].Effects |= e
		return
	}
	if len(j.objects) >= maxObjects && key.name != unnamed {
		j.unknown("more objects than are kept apart")
		return
	}
	if j.index == nil {
		j.index = make(map[objectKey]int, 8)
	}
	j.index[key] = len(j.objects)
	j.objects = append(j.objects, protocol.Object{Kind: kind, Name: name, Effects: e})
}

const maxRemarks = 4

func (j *judge) remark(s string) {
	for _, r := range j.remarks {
		if r == s {
			return
		}
	}
	if len(j.remarks) < maxRemarks {
		j.remarks = append(j.remarks, s)
	}
}

// unknown notes that something is not understood at all.
func (j *judge) unknown(why string) {
	j.remark(why)
	j.object("command", unnamed, protocol.Everything)
}

// code notes that something runs code that cannot be seen.
func (j *judge) code(why string) {
	j.remark(why)
	j.object("command", unnamed, protocol.Code|protocol.Opaque)
}

// scope returns the effects of what f judges.
func (j *judge) scope(f func()) protocol.Effects {
	outer := j.effects
	j.effects = 0
	f()
	inner := j.effects
	j.effects |= outer
	return inner
}
