package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// wrapper judges a program that runs the rest of its arguments.
func wrapper(r row) func(*call) {
	r.first = true
	if r.worst == 0 {
		r.worst = code
	}
	return func(c *call) { c.starts(c.options(&r)) }
}

func (c *call) timeout() {
	opts := "-k: -s: -v --kill-after: --signal: --preserve-status --foreground --verbose"
	if c.name == "chrt" {
		opts = "-b -f -i -o -r -v"
	}
	rest := c.options(&row{opts: opts, first: true, worst: code})
	if len(rest) > 0 {
		if !rest[0].exact {
			c.opaque(code, "an argument that is not literal")
		}
		c.starts(rest[1:])
	}
}

// env runs a program in an environment of its own; alone it shows it.
func (c *call) env() {
	rest := c.options(&row{opts: "-i -0 -v -u: --ignore-environment --null --unset: -C/ --chdir/ --debug", first: true, worst: protocol.Everything})
	for len(rest) > 0 {
		a := rest[0]
		if a.exact && a.text == "-" {
			rest = rest[1:]
			continue
		}
		name, _, ok := strings.Cut(a.text, "=")
		if !ok || a.many || a.glob {
			break
		}
		if !harmlessVariable(name) {
			c.unclear(code, "sets a variable that programs look at")
		}
		rest = rest[1:]
	}
	if len(rest) == 0 {
		c.does |= read
		return
	}
	c.starts(rest)
}

// away notes that what follows runs in another directory. It holds for the
// rest of the line, which is more than it has to.
func (c *call) away() { c.judge.cwd, c.judge.ok = nil, nil }

func (c *call) sudo() {
	rest := c.options(&row{
		opts: "-nEHkKSbAPvl -i$ -s$ -u: -g: -p: -C: -r: -t: -T: -D/ --user: --group: --prompt: --non-interactive --preserve-env? " +
			"--set-home --stdin --background --login$ --shell$ --askpass --reset-timestamp --remove-timestamp --validate --list --chdir/",
		first: true, worst: protocol.Everything,
	})
	for len(rest) > 0 && rest[0].exact && strings.Contains(rest[0].text, "=") {
		if name, _, _ := strings.Cut(rest[0].text, "="); !harmlessVariable(name) {
			c.unclear(code, "sets a variable that programs look at")
		}
		rest = rest[1:]
	}
	if c.login {
		c.away()
	}
	switch {
	case len(rest) > 0:
		c.starts(rest)
	case c.login:
		c.typed()
	default:
		c.does |= read
	}
}

func (c *call) doas() {
	rest := c.options(&row{opts: "-n -s$ -u: -C<", first: true, worst: protocol.Everything})
	if len(rest) == 0 {
		c.typed()
		return
	}
	c.away()
	c.starts(rest)
}

// su runs a shell, or what -c says.
func (c *call) su() {
	c.away()
	ran := false
	for i := 0; i < len(c.args); i++ {
		a := c.args[i]
		var script arg
		switch {
		case !a.exact && a.option():
			c.unclear(protocol.Everything, "an argument that is not literal")
			continue
		case a.text == "-c" || a.text == "--command":
			if i++; i >= len(c.args) {
				return
			}
			script = c.args[i]
		case strings.HasPrefix(a.text, "--command="):
			script = a.after(len("--command="))
		case matches(a.text, "- -l --login -m -p --preserve-environment") || a.text == "--" || !a.option():
			continue
		case matches(a.text, "-u --user -g --group -G -s --shell"):
			if a.text == "-s" || a.text == "--shell" || c.name == "runuser" {
				c.opaque(code, "another shell or user")
			}
			i++
			continue
		default:
			c.unclear(protocol.Everything, "an option that is not known")
			continue
		}
		ran = true
		if !script.exact || script.home {
			c.unclear(protocol.Everything, "a script that is not literal")
			continue
		}
		c.inner(script.text, anyShell)
	}
	if !ran {
		c.typed()
	}
}

// xargs runs a program with words from its input for more arguments.
func (c *call) xargs() {
	rest := c.options(&row{
		opts:  "-0rtpx -n: -L: -P: -s: -d: -I~ -i| -E: -a< --null --no-run-if-empty --max-args: --max-procs: --max-lines? --delimiter: --arg-file< --replace| --verbose",
		first: true, worst: code,
	})
	if len(rest) == 0 {
		c.does |= read // echo
		return
	}
	rest = append([]arg(nil), rest...)
	if c.replace != "" {
		for i, a := range rest {
			if a.exact && strings.Contains(a.text, c.replace) {
				before, _, _ := strings.Cut(a.text, c.replace)
				rest[i] = arg{text: before}
			}
		}
	}
	// With a text to replace nothing is added, unless another option takes that back.
	rest = append(rest, anything())
	in := c.stdin
	c.judge.stdin = input{from: fromNowhere}
	c.starts(rest)
	c.judge.stdin = in
}

// find runs programs and removes files where its expression says so.
func (c *call) find() {
	c.does |= read
	var starts []arg
	i := 0
	for ; i < len(c.args); i++ {
		a := c.args[i]
		if a.exact && matches(a.text, "-H -L -P -O0 -O1 -O2 -O3") {
			continue
		}
		if a.option() || a.exact && matches(a.text, "( ! , )") {
			break
		}
		starts = append(starts, a)
	}
	for ; i < len(c.args); i++ {
		a := c.args[i]
		if !a.exact {
			c.unclear(protocol.Everything, "an argument that is not literal")
			continue
		}
		switch {
		case matches(a.text, "( ) ! , -not -a -and -o -or -depth -d -mount -xdev -daystart -follow -noleaf -warn -nowarn -empty -executable -readable -writable "+
			"-false -true -nogroup -nouser -print -print0 -ls -prune -quit -ignore_readdir_race"):
		case matches(a.text, "-name -iname -path -ipath -wholename -regex -iregex -regextype -type -xtype -size -mtime -mmin -atime -amin -ctime -cmin -perm "+
			"-user -group -uid -gid -links -inum -maxdepth -mindepth -fstype -printf -lname -ilname -used"):
			if i++; i < len(c.args) && c.args[i].many {
				c.unclear(protocol.Everything, "an argument that is not literal")
			}
		case matches(a.text, "-newer -anewer -cnewer -samefile") || strings.HasPrefix(a.text, "-newer"):
			i++
		case a.text == "-delete":
			c.does |= destroy
			for _, s := range starts {
				c.touch(s, destroy|opaque)
			}
			if len(starts) == 0 {
				c.touch(literal("."), destroy|opaque)
			}
		case matches(a.text, "-exec -execdir -ok -okdir"):
			var words []arg
			for i++; i < len(c.args); i++ {
				w := c.args[i]
				if w.exact && (w.text == ";" || w.text == "+" && c.args[i-1].exact && c.args[i-1].text == "{}") {
					break
				}
				if w.exact && strings.Contains(w.text, "{}") {
					before, _, _ := strings.Cut(w.text, "{}")
					w = arg{text: before}
					if before == "" {
						w.text = "/" // never an option: it begins as the start does
					}
				}
				words = append(words, w)
			}
			in := c.stdin
			c.starts(words)
			c.judge.stdin = in
		case matches(a.text, "-fprint -fprint0 -fls -fprintf"):
			if i++; i < len(c.args) {
				c.touch(c.args[i], write|destroy)
			}
			if a.text == "-fprintf" {
				i++
			}
		default:
			c.unclear(protocol.Everything, "an option that is not known")
		}
	}
	if len(starts) == 0 {
		starts = []arg{literal(".")}
	}
	c.touchAll(starts, read)
}

// watch runs its arguments as a text for a shell, again and again.
func (c *call) watch() {
	rest := c.options(&row{opts: "-degctbpxw -n: --interval: --differences? --exec --no-title --errexit --chgexit --color --precise", first: true, worst: code})
	c.joined(rest)
}

// joined judges words that are joined by blanks and given to a shell.
func (c *call) joined(words []arg) {
	texts := make([]string, 0, len(words))
	for _, a := range words {
		if !a.exact || a.home {
			c.unclear(protocol.Everything, "a script that is not literal")
			return
		}
		texts = append(texts, a.text)
	}
	c.inner(strings.Join(texts, " "), anyShell)
}

func (c *call) flock() {
	rest := c.options(&row{opts: "-nsxeuoFv -w: -E: --nonblock --shared --exclusive --unlock --close --no-fork --timeout: --wait: --verbose", first: true, worst: code})
	if len(rest) == 0 {
		return
	}
	c.touch(rest[0], write)
	rest = rest[1:]
	if len(rest) > 1 && rest[0].exact && (rest[0].text == "-c" || rest[0].text == "--command") {
		c.joined(rest[1:2])
		return
	}
	c.starts(rest)
}

func (c *call) busybox() {
	if len(c.args) > 0 && c.args[0].exact && strings.HasPrefix(c.args[0].text, "-") {
		c.opaque(code|write, "an option that is not known")
		return
	}
	c.starts(c.args)
}

// ssh runs what its arguments say elsewhere.
func (c *call) ssh() {
	rest := c.options(&row{
		opts:  "-46AaCfgKkMNnqsTtVvXxYy -b: -c: -e: -I: -i< -l: -m: -p: -B:",
		first: true, worst: protocol.Everything,
	})
	c.opaque(code, "runs on another host")
	if len(rest) == 0 {
		return
	}
	if rest[0].exact {
		c.object("host", rest[0].text, code|opaque)
	} else {
		c.object("host", unnamed, code|opaque)
	}
	if rest = rest[1:]; len(rest) == 0 {
		c.typed()
		return
	}
	// Its paths are not of this host.
	cwd := c.cwd
	c.judge.cwd = nil
	c.joined(rest)
	c.judge.cwd = cwd
}

// container judges programs that reach into containers.
func (c *call) container() {
	if _, ok := lookup(c.name); ok {
		return
	}
	sub := ""
	for _, a := range c.args {
		if a.exact && !a.option() {
			sub = a.text
			break
		}
	}
	switch c.name {
	case "docker", "podman", "nerdctl":
		r := row{opts: "-l: --log-level:", rest: under, first: true, worst: write | destroy}
		switch sub {
		case "exec", "run", "attach", "compose", "start":
			c.maybeTyped()
		default:
			c.sub(&r, c.options(&r))
			return
		}
	case "kubectl", "oc":
		r := row{opts: "-n: --namespace: --context: -A --all-namespaces", rest: under, first: true, worst: write | destroy | access | credential}
		switch sub {
		case "exec", "run", "attach", "debug":
			c.maybeTyped()
		default:
			for _, a := range c.args {
				if !a.exact || strings.Contains(strings.ToLower(a.text), "secret") {
					c.does |= credential
				}
			}
			c.sub(&r, c.options(&r))
			return
		}
	default:
		c.maybeTyped()
		c.opaque(write|destroy, "a command of it that is not known")
	}
	c.opaque(code, "runs in a container")
}

// maybeTyped notes a shell where the options ask for input.
func (c *call) maybeTyped() {
	for _, a := range c.args {
		if a.option() && !a.exact || a.exact && (matches(a.text, "--interactive --tty --stdin --attach attach debug shell") ||
			strings.HasPrefix(a.text, "-") && !strings.HasPrefix(a.text, "--") && strings.ContainsAny(a.text, "it")) ||
			strings.HasPrefix(a.text, "--interactive=") || strings.HasPrefix(a.text, "--tty=") || strings.HasPrefix(a.text, "--stdin=") {
			c.typed()
			return
		}
	}
}

// interactive judges programs that take commands from whoever uses them.
func (c *call) interactive() {
	switch {
	case c.name == "crontab" && len(c.args) == 1 && c.args[0].exact && c.args[0].text == "-l":
		c.does |= read
	case c.name == "crontab" && len(c.args) > 0 && c.args[0].exact && c.args[0].text == "-r":
		c.does |= write | destroy | code | opaque
	case c.name == "crontab" && len(c.args) > 0 && !(len(c.args) == 1 && c.args[0].exact && c.args[0].text == "-e"):
		c.opaque(write|destroy|code, "what it installs is run later")
		if a := c.args[len(c.args)-1]; !a.option() && a.text != "-" {
			c.touch(a, read)
		}
	default:
		c.typed()
	}
}

// pager judges programs that show files, and in a terminal take commands.
func (c *call) pager() {
	c.does |= read
	if c.terminal {
		c.typed()
		return
	}
	for _, a := range c.args {
		if a.exact && strings.HasPrefix(a.text, "+") {
			c.opaque(code, "a command of it")
		}
	}
	switch c.name {
	case "less", "more", "most":
		// It may start a filter that the environment names, for what it shows.
		c.touchAll(c.options(&row{opts: "-NSRFXKEeifmMnqsuwrj"}), read)
	case "top", "htop", "atop":
		if rest := c.options(&row{opts: "-bcHiS -n: -d: -p: -u: -o: -w?"}); len(rest) > 0 {
			c.opaque(0, "an operand")
		}
	default:
		if rest := c.options(&row{opts: "-kfaw", worst: code}); c.name == "man" {
			for _, a := range rest {
				if !a.exact || strings.Contains(a.text, "/") {
					c.opaque(code, "an operand")
				}
			}
		}
	}
}
