package command

// special returns what judges a program that a row of the table cannot tell.
func special(name string) func(*call) {
	switch name {
	// What a shell does itself.
	case "cd", "pushd", "popd":
		return (*call).cd
	case "eval":
		return (*call).eval
	case "exec":
		return (*call).exec
	case "command":
		return (*call).command
	case "builtin":
		return wrapper(row{})
	case ".", "source":
		return (*call).source
	case "trap":
		return (*call).trap
	case "test", "[":
		return (*call).condition
	case "printf":
		return (*call).printf
	case "read", "unset", "getopts", "mapfile", "readarray", "wait":
		return (*call).variables
	case "export", "readonly", "local", "declare", "typeset":
		return (*call).exports
	case "set":
		return (*call).set
	case "alias":
		return (*call).alias
	case "kill":
		return (*call).kill
	case "ulimit":
		return (*call).ulimit
	case "exit", "return", "break", "continue", "shift":
		return (*call).count
	case "coproc":
		return (*call).coproc

	// Programs that run what their arguments say.
	case "env":
		return (*call).env
	case "nohup":
		return wrapper(row{})
	case "setsid":
		return wrapper(row{opts: "-cfw --ctty --fork --wait"})
	case "nice":
		return wrapper(row{opts: "-n: -# --adjustment:"})
	case "ionice":
		return wrapper(row{opts: "-c: -n: -t --class: --classdata: --ignore"})
	case "chrt":
		return (*call).timeout // a priority comes first
	case "timeout":
		return (*call).timeout
	case "stdbuf":
		return wrapper(row{opts: "-i: -o: -e: --input: --output: --error:"})
	case "time":
		return wrapper(row{opts: "-p -v -q -f: -o> -a --portability --verbose --quiet --format: --output> --append"})
	case "unbuffer", "catchsegv":
		return wrapper(row{opts: "-p"})
	case "linux32", "linux64", "setarch":
		return wrapper(row{opts: "-R"})
	case "sudo":
		return (*call).sudo
	case "doas":
		return (*call).doas
	case "su", "runuser":
		return (*call).su
	case "xargs":
		return (*call).xargs
	case "find":
		return (*call).find
	case "watch":
		return (*call).watch
	case "flock":
		return (*call).flock
	case "busybox", "toybox":
		return (*call).busybox
	case "strace", "ltrace":
		return wrapper(row{opts: "-f -c -q -v -y -t -T -e: -s: -p:", worst: write | destroy | code})
	case "ssh":
		return (*call).ssh
	case "docker", "podman", "nerdctl", "kubectl", "oc", "k3s", "crictl", "lxc", "incus":
		return (*call).container
	case "docker compose":
		return nil
	case "vi", "vim", "nvim", "view", "vimdiff", "emacs", "nano", "pico", "ed", "ex", "joe", "mc", "gdb", "lldb",
		"screen", "tmux", "script", "login", "newgrp", "sg", "byobu", "zellij", "rlogin", "telnet", "expect",
		"chsh", "visudo", "vipw", "vigr", "sudoedit", "crontab":
		return (*call).interactive
	case "less", "more", "most", "man", "info", "top", "htop", "btop", "atop", "glances":
		return (*call).pager

	// Interpreters.
	case "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "ksh93", "rbash", "fish", "csh", "tcsh":
		return (*call).sh
	case "awk", "gawk", "mawk", "nawk":
		return (*call).awk
	case "sed":
		return (*call).sed
	case "jq":
		return (*call).jq

	// Programs with a language of their own for arguments.
	case "tar", "bsdtar", "gtar":
		return (*call).tar
	case "dd":
		return (*call).dd
	case "ip":
		return (*call).ip
	case "sysctl":
		return (*call).sysctl
	case "service":
		return (*call).service
	case "curl":
		return (*call).curl
	case "wget":
		return (*call).wget
	case "hostname", "domainname":
		return (*call).hostname
	case "date":
		return (*call).date
	case "mount":
		return (*call).mount
	case "uniq":
		return (*call).uniq
	case "rpm":
		return (*call).rpm
	case "git diff":
		return (*call).gitDiff
	case "git config":
		return (*call).gitConfig
	case "git branch", "git tag":
		return (*call).gitBranch
	case "git remote", "git stash":
		return (*call).gitRemote
	case "tee":
		return (*call).tee
	case "getent":
		return (*call).getent
	case "ps":
		return (*call).ps
	case "printenv":
		return (*call).printenv
	case "stty":
		return (*call).stty

	// Copies and repositories, as clients start them.
	case "scp":
		return (*call).scp
	case "rsync":
		return (*call).rsync
	case "git-upload-pack", "git upload-pack", "git-upload-archive", "git upload-archive":
		return (*call).gitFetch
	case "git-receive-pack", "git receive-pack":
		return (*call).gitPush
	case "sftp-server", "internal-sftp":
		return (*call).sftp
	}
	if matches(name, interpreters) {
		return (*call).interpreter
	}
	return nil
}

// interpreters run what their arguments or their input say. Those that are
// shells are known better.
const interpreters = "python python2 python3 pypy pypy3 perl ruby irb node nodejs deno bun php lua luajit tclsh wish Rscript R julia " +
	"scala groovy jshell ghci ghc erl elixir iex guile racket osascript pwsh powershell bc dc m4 octave sqlite3 psql mysql mariadb mongosh mongo redis-cli"
