package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// interpreter judges a program that runs code: from an option, a file, or its
// input.
func (c *call) interpreter() {
	if len(c.args) == 1 && c.args[0].exact && matches(c.args[0].text, "--version -V --help -version") {
		c.does |= read
		return
	}
	sent := true
	text := false
	for _, a := range c.args {
		if text {
			text = false
			continue
		}
		switch {
		case a.exact && (a.text == "-" || a.text == "-i" || a.text == "/dev/stdin"):
		case a.exact && matches(a.text, "-c -e -E -m -r -pe -ne -lne -lane -pie --eval --print --execute --command -query"):
			sent, text = false, true
		case !a.option():
			sent = false
			if !a.exact || strings.Contains(a.text, "/") || strings.Contains(a.text, ".") && !strings.ContainsAny(a.text, " ;()") {
				c.touch(a, read)
			}
		}
		if a.exact && (a.text == "-" || a.text == "-i") {
			sent = true
			break
		}
	}
	if sent && c.stdin.from != fromText && c.stdin.from != fromFile {
		c.typed()
		return
	}
	c.opaque(code, "an interpreter")
}

// awk runs programs, and reads and writes files, where its text says so.
func (c *call) awk() {
	rest := c.options(&row{opts: "-F: -v: -f% --field-separator: --assign: --file% --posix --re-interval", worst: protocol.Everything})
	c.does |= read
	if !c.given && len(rest) > 0 {
		if a := rest[0]; !a.exact || !plainAwk(a.text) {
			c.unclear(code, "an interpreter")
		}
		rest = rest[1:]
	} else {
		c.unclear(code, "an interpreter")
	}
	for _, a := range rest {
		if a.exact && strings.Contains(a.text, "=") && !strings.Contains(a.text, "/") {
			continue // sets a variable
		}
		c.touch(a, read)
	}
}

// plainAwk reports whether a text of awk's language can only print: it holds
// nothing that names a file, a program or a function. A slash may begin a
// pattern, in which a quote is no quote; so where there is one, texts count too.
func plainAwk(s string) bool {
	quoted := false
	patterns := strings.Contains(s, "/")
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\' && quoted:
			i++
		case c == '"' && !patterns:
			quoted = !quoted
		case quoted:
		case c == '|' || c == '>' && (i+1 == len(s) || s[i+1] != '=') || c == '@' || c == '<' || c == '`' || c == '\\':
			// "a > 1" in a pattern compares, in print it writes: not told apart.
			return false
		case c == '#':
			return false
		}
	}
	for _, word := range [...]string{"system", "getline", "close", "fflush", "include", "load", "extension", "ENVIRON", "PROCINFO", "ARGV", "SYMTAB", "FUNCTAB"} {
		if strings.Contains(s, word) {
			return false
		}
	}
	return !quoted && !strings.Contains(s, "@")
}

// sed writes and runs where its script or -i says so.
func (c *call) sed() {
	r := row{
		opts:  "-nErszu -e& -f% -i? -l: --quiet --silent --expression& --file% --in-place? --regexp-extended --separate --null-data --posix --sandbox --line-length: --debug",
		worst: protocol.Everything, rest: afterOne,
	}
	c.does |= read
	file := read
	var scripts []arg
	backup := literal("")
	for i, a := range c.args {
		switch {
		case !a.option() || !a.exact:
		case strings.HasPrefix(a.text, "--in-place"):
			file |= write | destroy
			_, suffix, _ := strings.Cut(a.text, "=")
			backup = literal(suffix)
		case strings.HasPrefix(a.text, "--expression="):
			scripts = append(scripts, a.after(len("--expression=")))
		case a.text == "--expression":
			if i+1 < len(c.args) {
				scripts = append(scripts, c.args[i+1])
			}
		case strings.HasPrefix(a.text, "--file"):
			c.unclear(code|write, "a script in a file")
		case strings.HasPrefix(a.text, "--"):
		default:
			for k := 1; k < len(a.text); k++ {
				switch a.text[k] {
				case 'i':
					file |= write | destroy
					if k+1 < len(a.text) {
						backup = a.after(k + 1)
					}
					k = len(a.text)
				case 'f':
					c.unclear(code|write, "a script in a file")
					k = len(a.text)
				case 'l':
					k = len(a.text)
				case 'e':
					if k+1 < len(a.text) {
						scripts = append(scripts, a.after(k+1))
					} else if i+1 < len(c.args) {
						scripts = append(scripts, c.args[i+1])
					}
					k = len(a.text)
				}
			}
		}
	}
	rest := c.options(&r)
	if !c.given && len(rest) > 0 {
		scripts = append(scripts, rest[0])
		rest = rest[1:]
	}
	for _, s := range scripts {
		if !s.exact || !plainSed(s.text) {
			c.unclear(write|destroy|code, "a script that is not a plain one")
		}
	}
	c.touchAll(rest, file)
	if backup.text == "" {
		return
	}
	// The old content goes to another file; "*" stands for the file's name.
	for _, a := range rest {
		if strings.ContainsAny(backup.text, "*/") || !a.exact {
			c.unclear(write|destroy, "a backup elsewhere")
			return
		}
		a.text += backup.text
		c.touch(a, write|destroy)
	}
}

// plainSed reports whether a sed script is one of the forms that can neither
// write files nor run programs: an address and a command without arguments,
// substitutions without the flags e and w.
func plainSed(s string) bool {
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, "; \n\t") {
		rest, ok := sedAddress(s)
		if !ok || rest == "" {
			return false
		}
		rest = strings.TrimLeft(rest, " !")
		if rest == "" {
			return false
		}
		switch cmd := rest[0]; cmd {
		case 'p', 'd', '=', 'P', 'D', 'n', 'N', 'h', 'H', 'g', 'G', 'x', 'q', 'Q':
			rest = strings.TrimLeft(rest[1:], " ")
			rest = strings.TrimLeft(rest, "0123456789")
		case 's', 'y':
			if len(rest) < 2 {
				return false
			}
			d := rest[1]
			if d == '\\' || d == '\n' || d >= 0x80 {
				return false
			}
			body := rest[2:]
			for range 2 {
				at := sedUntil(body, d)
				if at < 0 {
					return false
				}
				body = body[at+1:]
			}
			rest = strings.TrimLeft(body, "gpiI0123456789")
		default:
			return false
		}
		rest = strings.TrimLeft(rest, " ")
		if rest != "" && rest[0] != ';' && rest[0] != '\n' {
			return false
		}
		s = rest
	}
	return true
}

// sedAddress cuts addresses off a script.
func sedAddress(s string) (string, bool) {
	for n := 0; ; n++ {
		switch {
		case s == "":
			return s, true
		case s[0] >= '0' && s[0] <= '9' || s[0] == '$':
			s = strings.TrimLeft(s, "0123456789$~+")
		case s[0] == '/':
			at := sedUntil(s[1:], '/')
			if at < 0 {
				return s, false
			}
			s = strings.TrimLeft(s[at+2:], "IM")
		case n == 0:
			return s, true
		default:
			return s, false
		}
		s = strings.TrimLeft(s, " ")
		if n == 1 || s == "" || s[0] != ',' {
			return s, true
		}
		s = strings.TrimLeft(s[1:], " +~")
	}
}

// sedUntil returns where the delimiter stands next, outside of a backslash. A
// delimiter in brackets may or may not count, so a bracket is no plain script
// where the delimiter follows in it.
func sedUntil(s string, d byte) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case d:
			return i
		case '\n':
			return -1
		case '[':
			if end := strings.IndexByte(s[i+1:], ']'); end >= 0 && strings.IndexByte(s[i+1:i+1+end+1], d) >= 0 {
				return -1
			}
		}
	}
	return -1
}

func (c *call) jq() {
	c.does |= read
	rest := c.options(&row{opts: "-rRnscCSMaje -f% --arg: --raw-output --slurp --compact-output --null-input --exit-status --tab --indent:"})
	if !c.given && len(rest) > 0 {
		if a := rest[0]; !a.exact || strings.Contains(a.text, "import") || strings.Contains(a.text, "include") {
			c.opaque(0, "a program that is not plain")
		}
		rest = rest[1:]
	}
	c.touchAll(rest, read)
}
