package command

import (
	"slices"
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

// tar reads what it packs and writes what it unpacks.
func (c *call) tar() {
	args := c.args
	if len(args) > 0 && args[0].exact && !strings.HasPrefix(args[0].text, "-") {
		// The old form: letters without a dash, whose arguments follow in order.
		args = append([]arg{literal("-" + args[0].text)}, args[1:]...)
		if letters := args[0].text; strings.Count(letters, "f")+strings.Count(letters, "b")+strings.Count(letters, "C") > 1 || strings.Contains(letters, "f") && !strings.HasSuffix(letters, "f") {
			if strings.Count(letters, "f") == 1 && strings.Count(letters, "b")+strings.Count(letters, "C") == 0 {
				letters = strings.Replace(letters, "f", "", 1) + "f"
				args[0] = literal(letters)
			} else {
				c.unclear(protocol.Everything, "an option that is not known")
			}
		}
		c.args = args
	}
	mode := byte(0)
	var archives []arg
	for i, a := range args {
		if !a.option() || !a.exact {
			continue
		}
		switch {
		case a.text == "--create":
			mode = 'c'
		case a.text == "--extract" || a.text == "--get":
			mode = 'x'
		case a.text == "--list":
			mode = 't'
		case strings.HasPrefix(a.text, "--file="):
			archives = append(archives, a.after(len("--file=")))
		case a.text == "--file" && i+1 < len(args):
			archives = append(archives, args[i+1])
		case strings.HasPrefix(a.text, "--"):
		default:
			for k := 1; k < len(a.text); k++ {
				l := a.text[k]
				switch l {
				case 'c', 'x', 't':
					if mode != 0 && mode != l {
						mode = '?'
					} else {
						mode = l
					}
				case 'f':
					if k+1 < len(a.text) {
						archives = append(archives, a.after(k+1))
					} else if i+1 < len(args) {
						archives = append(archives, args[i+1])
					}
					k = len(a.text)
				case 'C', 'X', 'T', 'b', 'I', 'K', 'N':
					k = len(a.text)
				}
			}
		}
	}
	worst := write | destroy | code
	rest := c.options(&row{
		opts: "-ctxvzjJapkmOPZSh -f: -C: -b: -X< -T!o --create --extract --get --list --file: --directory: --verbose --gzip --gunzip --bzip2 --xz --zstd --auto-compress " +
			"--exclude: --exclude-from< --strip-components: --no-same-owner --no-same-permissions --same-permissions --preserve-permissions --numeric-owner --owner: --group: --mode: --totals " +
			"--keep-old-files --skip-old-files --to-stdout --wildcards --transform: --anchored --no-recursion --one-file-system --sort: --mtime: --warning: --ignore-failed-read --xattrs --acls --selinux",
		worst: worst,
	})
	// Where it goes to the archive is written, else read; a host before a
	// colon is reached through a shell.
	archives = slices.DeleteFunc(archives, func(a arg) bool { return a.exact && a.text == "-" })
	for _, a := range archives {
		if strings.Contains(a.text, ":") {
			c.unclear(code, "an archive on another host")
		}
	}
	away := false
	for _, a := range args {
		if a.exact && (strings.HasPrefix(a.text, "-C") || strings.HasPrefix(a.text, "--directory") || strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.HasSuffix(a.text, "C")) {
			away = true
		}
		if a.exact && (a.text == "-P" || strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.Contains(a.text, "P") ||
			strings.HasPrefix(a.text, "--trans")) && mode == 'x' {
			c.unclear(0, "files anywhere")
		}
	}
	dir := literal(".")
	if away {
		dir = anything()
		many := 0
		for i, a := range args {
			if a.exact && (a.text == "-C" || a.text == "--directory") && i+1 < len(args) {
				dir = args[i+1]
				many++
			} else if a.exact && strings.HasPrefix(a.text, "--directory=") {
				dir = a.after(len("--directory="))
				many++
			}
		}
		if many > 1 {
			dir = anything()
		}
	}
	switch mode {
	case 't':
		c.does |= read
		c.touchAll(archives, read)
	case 'x':
		c.does |= read | write | destroy
		c.touchAll(archives, read)
		c.touch(dir, write|destroy|opaque)
	case 'c':
		c.does |= read | write | destroy
		c.touchAll(archives, write|destroy)
		if away {
			c.touch(dir, read|opaque)
			c.unclear(0, "what is below a directory")
			return
		}
		c.touchAll(rest, read|opaque)
	default:
		c.opaque(read|worst, "an option that is not known")
	}
}

// dd copies between the files that its operands name.
func (c *call) dd() {
	c.does |= read
	for _, a := range c.args {
		name, _, ok := strings.Cut(a.text, "=")
		value := a.after(len(name) + 1)
		if value.exact && strings.HasPrefix(value.text, "~/") {
			value.home = true
		}
		switch {
		case !ok || a.many:
			c.unclear(write|destroy, "an argument that is not known")
		case name == "if":
			c.touch(value, read)
		case name == "of":
			c.touch(value, read|write|destroy)
		case !matches(name, "bs ibs obs cbs count skip seek iseek oseek conv iflag oflag status"):
			c.unclear(write|destroy, "an argument that is not known")
		}
	}
}

// ip shows and changes the network.
func (c *call) ip() {
	// Its options are words that begin with one dash and may be cut short.
	const worst = write | destroy | access | code
	rest := c.args
	for len(rest) > 0 && rest[0].option() {
		if !rest[0].exact || !matches(rest[0].text, "-4 -6 -o -oneline -s -stats -statistics -d -details -h -human -j -json -p -pretty -t -c -color -br -brief -r -resolve") {
			c.unclear(worst, "an option that is not known")
		}
		rest = rest[1:]
	}
	c.does |= read
	if len(rest) == 0 {
		return
	}
	for i, a := range rest {
		if !a.exact {
			c.opaque(write|destroy|access|code, "an argument that is not literal")
			return
		}
		// "ip link s" is "ip link set".
		if i == 1 && !matches(a.text, "show list ls lst sh l get") && (a.text != "s" || !matches(rest[0].text, "a addr address r route ro n neigh")) {
			c.does |= write | destroy | access
			break
		}
	}
	if !matches(rest[0].text, "a addr address l link r route ro n neigh neighbour rule maddr mroute ntable tunnel") {
		c.opaque(write|destroy|access|code, "a command of it that is not known")
	}
}

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

// curl sends and fetches.
func (c *call) curl() {
	opts := "-sSLkgifIvNq0123546#aZ -X: -H: -A: -b: -e: -m: -u: -d: -F: -r: -w: -x: -y: -Y: -z: -o> -O!wd -J!wd -c> -D> -E<!s -T<!w -K<!c -C: -G -U: " +
		"--silent --show-error --location --insecure --fail --fail-with-body --head --include --verbose --compressed --request: --header: --user-agent: --max-time: " +
		"--connect-timeout: --retry: --retry-delay: --retry-max-time: --data: --data-raw: --data-urlencode: --data-binary: --json: --get --url!r --user: --output> --remote-name!wd " +
		"--write-out: --http1.1 --http2 --ipv4 --ipv6 --no-progress-meter --progress-bar --max-redirs: --cacert< --range: --proto: --tlsv1.2 --resolve: --noproxy: --upload-file<!w"
	c.fetches(opts, write|destroy|code)
	for i, a := range c.args {
		// What is sent may be a file's content.
		if a.exact && matches(a.text, "-d --data --data-binary --data-urlencode --json -F -H --header -b -w") && i+1 < len(c.args) {
			if v := c.args[i+1]; !v.exact {
				c.unclear(read, "sends a file")
			}
		}
		if strings.ContainsAny(a.text, "@<") && !strings.Contains(a.text, "://") {
			c.unclear(read, "sends a file")
		}
		if a.exact && (a.text == "--remote-name" || strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.ContainsAny(a.text, "OJ") ||
			strings.Contains(a.text, "#") && !strings.Contains(a.text, "://")) {
			c.unclear(write|destroy, "a file that the server or a pattern names")
		}
		if a.exact && (matches(a.text, "-X --request -d --data --data-raw --data-binary --data-urlencode --json -F") || strings.HasPrefix(a.text, "-X") ||
			strings.HasPrefix(a.text, "-d") || strings.HasPrefix(a.text, "-F") || strings.HasPrefix(a.text, "--data") || strings.HasPrefix(a.text, "--request")) {
			c.does |= write
		}
	}
}

func (c *call) wget() {
	out := false
	for _, a := range c.args {
		out = out || a.exact && (strings.HasPrefix(a.text, "-O") || strings.HasPrefix(a.text, "--output-document") || a.text == "--spider" ||
			strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && (strings.HasSuffix(a.text, "O") || strings.HasSuffix(a.text, "O-")))
	}
	if !out {
		c.touch(literal("."), write|opaque)
	}
	c.fetches("-qvScNkxp46 -nv -nc -nd -O> -o> -a^ -P> -T: -t: -U: -w: -Q: -A: -R: -l: -r!wo --quiet --no-verbose --spider --server-response --timeout: --tries: "+
		"--user-agent: --header: --output-document> --output-file> --directory-prefix> --no-check-certificate --continue --timestamping --show-progress --method:!w --body-data:!w --post-data:!w --post-file<!w --body-file<!w",
		write|destroy|code)
}

// fetches judges a client of web servers. What a server does on being asked
// cannot be told from here.
func (c *call) fetches(opts string, worst protocol.Effects) {
	c.does |= read
	rest := c.options(&row{opts: opts, worst: worst})
	c.opaque(0, "speaks to a server")
	for _, a := range rest {
		name := unnamed
		if a.exact {
			name = a.text
		}
		if strings.HasPrefix(strings.ToLower(name), "file:") {
			if p, ok := strings.CutPrefix(name, "file://"); ok && strings.HasPrefix(p, "/") && !strings.ContainsAny(p, "%?#{}[]") {
				c.touch(literal(p), read)
				continue
			}
			c.touch(anything(), read)
			continue
		}
		c.object("url", name, read|opaque)
	}
}

func (c *call) hostname() {
	c.does |= read
	rest := c.options(&row{opts: "-fsiIdAy --fqdn --short --ip-address --all-ip-addresses --domain", worst: write | access})
	if len(rest) > 0 {
		c.does |= write | access
	}
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
