package command

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

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
