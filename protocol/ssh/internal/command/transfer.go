package command

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// transfers notes that the line is one copy, where it is nothing else.
func (c *call) transfers(verb string, paths []arg) {
	if !c.whole {
		return
	}
	c.judge.verb = verb
	for _, a := range paths {
		c.judge.paths = append(c.judge.paths, a.text)
	}
}

// known reports whether all of paths can be told before the copy begins. A
// pattern is known as such.
func known(paths []arg) bool {
	for _, a := range paths {
		if !a.exact && !a.glob {
			return false
		}
	}
	return true
}

// scp judges the server side of a copy, which OpenSSH starts as "scp -t" or
// "scp -f" with its own options in front, and the client side.
func (c *call) scp() {
	to, from, recurse := false, false, false
	i := 0
	for ; i < len(c.args); i++ {
		a := c.args[i]
		if a.exact && a.text == "--" {
			i++
			break
		}
		if !a.option() {
			break
		}
		if !a.exact || strings.Trim(a.text[1:], "tfrpvdq") != "" {
			to, from = false, false
			break
		}
		to = to || strings.Contains(a.text, "t")
		from = from || strings.Contains(a.text, "f")
		recurse = recurse || strings.Contains(a.text, "r")
	}
	paths := c.args[min(i, len(c.args)):]
	if to == from || len(paths) == 0 || to && len(paths) > 1 {
		c.elsewhere("-346ABCOpqRrTsv -c: -F: -i< -J: -l: -o: -P: -S: -D: -X:")
		return
	}
	e, verb := read, ScpDownload
	if to {
		e, verb = write, ScpUpload
	}
	c.does |= e
	more := e
	if to || recurse {
		// Into a directory the client sends names, which are not in the line.
		more |= opaque
		c.remark("scp: names or directories that come later")
	}
	c.touchAll(paths, more)
	if known(paths) {
		c.transfers(verb, paths)
		c.judge.recurse = c.judge.recurse || c.whole && recurse
	}
}

// elsewhere judges a client that copies to or from another host.
func (c *call) elsewhere(opts string) {
	c.opaque(read|write, "copies to or from another host")
	for _, a := range c.options(&row{opts: opts, worst: destroy | code}) {
		if host, _, ok := strings.Cut(a.text, ":"); ok && a.exact && !strings.Contains(host, "/") && host != "" {
			c.object("host", host, read|write|opaque)
			continue
		}
		c.touch(a, read|write|opaque)
	}
	for _, a := range c.args {
		// These name programs to run.
		if !a.exact || strings.HasPrefix(a.text, "-o") || strings.HasPrefix(a.text, "-S") || strings.HasPrefix(a.text, "-F") || strings.HasPrefix(a.text, "-J") ||
			strings.HasPrefix(a.text, "-D") || strings.HasPrefix(a.text, "-e") {
			c.opaque(code, "an option that can run programs")
		}
	}
}

// rsync judges its server side, "rsync --server [--sender] -flags . path…",
// and the client side.
func (c *call) rsync() {
	if len(c.args) == 0 || !c.args[0].exact || c.args[0].text != "--server" {
		c.rsyncClient()
		return
	}
	sender, understood := false, true
	does := write
	i := 1
	for ; i < len(c.args); i++ {
		a := c.args[i]
		if !a.option() {
			break
		}
		if !a.exact {
			c.unclear(protocol.Everything, "an argument that is not literal")
			understood = false
			continue
		}
		name, value, has := strings.Cut(a.text, "=")
		switch {
		case a.text == "--sender":
			sender = true
		case strings.HasPrefix(name, "--delete") && matches(name, "--delete --delete-before --delete-during --delete-after --delete-delay --delete-excluded --delete-missing-args"),
			name == "--remove-source-files", name == "--inplace", name == "--force":
			does |= destroy
		case matches(name, "--numeric-ids --partial --stats --progress --size-only --ignore-existing --existing --no-implied-dirs --safe-links --copy-unsafe-links "+
			"--copy-links --append --append-verify --fsync --mkpath --preallocate --sparse --no-whole-file --whole-file --checksum --dirs --no-r --no-relative --no-i-r --omit-dir-times "+
			"--ignore-errors --fake-super --open-noatime --delay-updates --specials --devices --links --perms --times --group --owner --safe-links --one-file-system "+
			"--timeout --max-delete --max-size --min-size --bwlimit --modify-window --compress-level --compress-choice --checksum-choice --new-compress --old-compress "+
			"--block-size --skip-compress --out-format --log-format --info --debug --iconv --usermap --groupmap --chown --chmod --msgs2stderr --no-msgs2stderr --stop-after"):
			if name == "--chown" || name == "--chmod" || name == "--usermap" || name == "--groupmap" {
				does |= access
			}
		case matches(name, "--backup-dir --temp-dir --partial-dir --log-file --write-batch --only-write-batch"):
			if !has {
				if i++; i < len(c.args) {
					c.touch(c.args[i], write)
				}
				continue
			}
			c.touch(literal(value), write)
		case matches(name, "--compare-dest --copy-dest --link-dest --files-from --exclude-from --include-from"):
			if !has {
				if i++; i < len(c.args) {
					c.touch(c.args[i], read)
				}
				continue
			}
			if value != "-" {
				c.touch(literal(value), read)
			}
			if name == "--files-from" {
				c.opaque(0, "paths that come later")
			}
		case strings.HasPrefix(a.text, "--"):
			c.unclear(protocol.Everything, "an option that is not known")
			understood = false
		default:
			flags, _, _ := strings.Cut(a.text[1:], "e") // what follows says what the client can do
			if strings.Contains(flags, "s") {
				c.unclear(protocol.Everything, "options that come later")
				understood = false
			}
			if strings.Trim(flags, "svlogDtprRuncxzHAXSIWdLkKEmNUyChOJbqa0123456789@B") != "" {
				c.unclear(protocol.Everything, "an option that is not known")
				understood = false
			}
		}
	}
	rest := c.args[min(i, len(c.args)):]
	if len(rest) > 0 && rest[0].exact && rest[0].text == "." {
		rest = rest[1:]
	}
	verb := RsyncUpload
	if sender {
		verb = RsyncDownload
		does = read | does&destroy
	}
	c.does |= does
	if len(rest) == 0 {
		c.opaque(does, "paths that come later")
		understood = false
	}
	c.remark("rsync: whole directories")
	c.touchAll(rest, does|opaque)
	if understood && known(rest) {
		c.transfers(verb, rest)
		c.judge.recurse = c.judge.recurse || c.whole
	}
}

func (c *call) rsyncClient() {
	for _, a := range c.args {
		if !a.exact || strings.HasPrefix(a.text, "--delete") || strings.HasPrefix(a.text, "--remove") {
			c.does |= destroy
		}
		if a.exact && (strings.HasPrefix(a.text, "--rsh") || strings.HasPrefix(a.text, "--rsync-path") || a.text == "--daemon" || strings.HasPrefix(a.text, "--config")) {
			c.opaque(code, "an option that can run programs")
		}
	}
	c.elsewhere("-vqcarRbudlLkKHpEAXogDtOJSnWxzhPim8C0 -e: -f: -T> -B: -M: --delete --delete-before --delete-after --delete-during --delete-excluded " +
		"--exclude: --include: --exclude-from< --include-from< --progress --stats --partial --numeric-ids --dry-run --archive --verbose --compress --recursive " +
		"--rsh: --rsync-path: --chmod:!a --chown:!a --bwlimit: --remove-source-files --human-readable --info: --log-file> --timeout: --ignore-existing --update --inplace --checksum")
}

func (c *call) gitFetch() {
	c.does |= read
	rest := c.options(&row{opts: "--strict --no-strict --timeout: --stateless-rpc --advertise-refs --http-backend-info-refs", worst: code})
	c.repository(GitFetch, rest, read)
}

func (c *call) gitPush() {
	// A push can take branches away, and a repository's hooks run.
	c.does |= read | write | destroy
	rest := c.options(&row{opts: "--stateless-rpc --advertise-refs --http-backend-info-refs", worst: code})
	c.repository(GitPush, rest, read|write|destroy)
}

func (c *call) repository(verb string, rest []arg, e protocol.Effects) {
	c.touchAll(rest, e)
	if len(rest) == 1 && known(rest) {
		c.transfers(verb, rest)
	}
}

// sftp judges SFTP's server, which clients may start by its path.
func (c *call) sftp() {
	c.does |= read | write | destroy | access | credential | opaque
	c.remark(c.name + ": what is asked of it comes later")
	rest := c.options(&row{opts: "-e -h -R -l: -f: -u: -d:", worst: code})
	if len(rest) == 0 {
		c.transfers(SFTP, nil)
	}
}
