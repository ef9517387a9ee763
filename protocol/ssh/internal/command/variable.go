package command

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/sallyport/sallyport/protocol"
)

// assign judges an assignment. exported says that it is for a program's
// environment.
func (j *judge) assign(as *syntax.Assign, exported bool) {
	if as.Index != nil {
		j.differs = true
		j.arith(as.Index)
	}
	j.word(as.Value)
	if as.Array != nil {
		for _, e := range as.Array.Elems {
			if e.Index != nil {
				j.arith(e.Index)
			}
			j.word(e.Value)
		}
	}
	if as.Name != nil {
		j.assigned(as.Name.Value, exported)
	}
}

// assigned notes that a variable gets a value.
//
// Programs and shells take from their environment what to run and where to
// look, under more names than anyone knows. So in an environment only names
// that are known to be harmless are; a variable that stays in the shell is harmless
// unless the shell, or what it may already have exported, has a use for it.
func (j *judge) assigned(name string, exported bool) {
	if harmlessVariable(name) || !exported && !usedVariable(name) {
		return
	}
	j.code("sets a variable that programs look at")
	if name == "CDPATH" || name == "HOME" {
		j.cwd, j.ok = nil, nil
	}
}

func harmlessVariable(name string) bool {
	return strings.HasPrefix(name, "LC_") || matches(name, harmlessVariables)
}

const (
	harmlessVariables = "LANG LANGUAGE TZ TERM COLUMNS LINES NO_COLOR FORCE_COLOR CLICOLOR COLORTERM DEBIAN_FRONTEND CI " +
		"GIT_TERMINAL_PROMPT GIT_PAGER_IN_USE DEBUG VERBOSE LOG_LEVEL RUST_LOG RUST_BACKTRACE PYTHONUNBUFFERED PYTHONDONTWRITEBYTECODE " +
		"NODE_ENV RAILS_ENV RACK_ENV APP_ENV SYSTEMD_COLORS HISTSIZE HISTFILESIZE HISTCONTROL OLDPWD"
	usedVariables = "PATH ENV IFS CDPATH SHELL SHELLOPTS BASHOPTS BASH_ENV PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 HOME USER LOGNAME MAIL MAILPATH PWD FPATH FCEDIT EDITOR " +
		"VISUAL PAGER MANPAGER BROWSER HISTFILE TMPDIR TMP TEMP TMOUT POSIXLY_CORRECT GLOBIGNORE EXECIGNORE FIGNORE INPUTRC TERMINFO TERMINFO_DIRS TERMCAP " +
		"HOSTALIASES RES_OPTIONS LOCALDOMAIN GCONV_PATH LOCPATH NLSPATH CLASSPATH KUBECONFIG CC CXX CFLAGS LDFLAGS MAKEFLAGS MAKEFILES " +
		"TAR_OPTIONS GREP_OPTIONS GZIP BZIP BZIP2 XZ_OPT XZ_DEFAULTS ZSTD_CLEVEL UNZIP ZIPOPT WGETRC CURL_HOME OPENSSL_CONF SSLKEYLOGFILE " +
		"http_proxy https_proxy ftp_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY " +
		"path fpath cdpath manpath mailpath module_path functions aliases galiases saliases commands options builtins nameref precmd preexec chpwd periodic " +
		"OPTIND REPLY DIRSTACK FUNCNEST HOSTFILE MAPFILE READLINE_LINE READLINE_POINT COMP_WORDBREAKS COMPREPLY histchars WATCHFMT SPROMPT PROMPT RPROMPT NULLCMD READNULLCMD ZDOTDIR"
	usedPrefixes = "LD_ BASH GIT_ PYTHON PERL RUBY NODE_ NPM_ LESS MAN SSH_ GPG_ DOCKER_ JAVA_ _JAVA JDK_ MALLOC_ GLIBC_ DYLD_ RSYNC_ SYSTEMD_ PG MYSQL_ AWS_ ZSH KSH " +
		"SUDO_ XDG_ PIP_ CARGO_ RUST GO CMAKE_ GCC_ DEBUGINFOD_ PKG_ APT_ DPKG_ DISPLAY WAYLAND_ XAUTH HELM_ ANSIBLE_ dis_ npm_ LUA_ TCL"
)

// usedVariable reports whether a shell, or a program that has it in its
// environment, may take from a variable what to run.
func usedVariable(name string) bool {
	if matches(name, usedVariables) {
		return true
	}
	for p := range strings.FieldsSeq(usedPrefixes) {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// identifier reports whether a is the plain name of a variable, without a subscript.
func identifier(a arg) bool { return a.exact && syntax.ValidName(a.text) }

// declare judges declare, export and their like.
func (j *judge) declare(d *syntax.DeclClause) {
	name := d.Variant.Value
	exported := name == "export"
	var e protocol.Effects
	for _, as := range d.Args {
		if as.Naked && as.Name == nil {
			a := j.word(as.Value)
			switch {
			case !a.exact || strings.ContainsAny(a.text, "[=$`") || a.text == "":
				j.unknown("a variable's name that is not literal")
			case a.text[0] == '-' || a.text[0] == '+':
				for _, letter := range a.text[1:] {
					switch letter {
					case 'x':
						exported = true
					case 'g', 'r', 'a', 'A', 'l', 'u', '-':
					case 'p', 'f', 'F':
						e |= read
					default:
						// -i evaluates values, -n makes one name another.
						j.unknown("an attribute that is not known")
					}
				}
			}
			continue
		}
		j.assign(as, exported)
	}
	j.object("command", name, e)
}
