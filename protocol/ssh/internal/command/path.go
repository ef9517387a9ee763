package command

import (
	"path"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// path notes that a file is touched, and returns what is done to it.
func (j *judge) path(a arg, e protocol.Effects) protocol.Effects {
	switch {
	case a.fd || a.exact && a.text == "":
		return 0
	case !a.exact && !a.glob:
		e |= protocol.Opaque
		j.remark("a path that is not literal")
		j.object("path", unnamed, e)
		return e
	}
	if a.exact {
		switch device(a.text) {
		case harmless:
			return 0
		case network:
			j.remark("a network device of the shell")
			e |= protocol.Code | protocol.Opaque
		}
	}
	if a.glob {
		// What it stands for is known only at the target.
		e |= protocol.Opaque
		j.remark("a pattern of paths")
	}
	names := j.names(a)
	for _, name := range names {
		if climbs(a.text) || climbs(name) || throughProc(name) {
			e |= protocol.Opaque
			j.remark("a path that depends on links")
			break
		}
	}
	if names == nil {
		e |= protocol.Opaque | meaning(a.text, e, a.glob)
		j.remark("a path that depends on the working directory")
		names = []string{unnamed}
	}
	all := e
	for _, name := range names {
		more := e | meaning(name, e, a.glob)
		j.object("path", name, more)
		all |= more
	}
	return all
}

// names are the paths that a word may mean, cleaned. Relative ones stay as they
// are where the working directory is the one of the login; nil where they
// cannot be told.
func (j *judge) names(a arg) []string {
	s := a.text
	dots := s == ".." || strings.HasPrefix(s, "../") || strings.Contains(s, "/..")
	switch {
	case a.glob && dots:
		return nil // "*" may stand for a link
	case a.home:
		if dots {
			return nil
		}
		return []string{"~" + strings.TrimSuffix(path.Clean("/"+s[1:]), "/")}
	case strings.HasPrefix(s, "/"):
		return []string{path.Clean("/" + strings.TrimLeft(s, "/"))}
	}
	if len(j.cwd) == 0 {
		return nil
	}
	names := make([]string, 0, len(j.cwd))
	for _, dir := range j.cwd {
		switch {
		case dir == "":
			name := path.Clean(s)
			if name[0] == '~' || name == unnamed {
				name = "./" + name // the home directory is written so
			}
			names = append(names, name)
		case dir[0] == '~':
			if dots {
				return nil
			}
			names = append(names, "~"+path.Join("/", dir[1:], s))
		default:
			names = append(names, path.Join(dir, s))
		}
	}
	return names
}

// climbs reports whether ".." is a part of a path. Where it leads depends on
// whether what stands before it is a link: /var/run/../x is /x on most systems.
func climbs(s string) bool {
	return s == ".." || strings.HasPrefix(s, "../") || strings.HasSuffix(s, "/..") || strings.Contains(s, "/../")
}

// throughProc reports whether a path leads through the links by which /proc
// shows what a process has: its root, its working directory, its open files.
func throughProc(name string) bool {
	rest, ok := strings.CutPrefix(name, "/proc/")
	if !ok {
		return strings.HasPrefix(name, "/dev/fd/")
	}
	for part := range strings.SplitSeq(rest, "/") {
		if matches(part, "root cwd fd exe map_files") {
			return true
		}
	}
	return false
}

type deviceKind int

const (
	noDevice deviceKind = iota
	harmless
	network
)

func device(s string) deviceKind {
	rest, ok := strings.CutPrefix(s, "/dev/")
	if !ok {
		return noDevice
	}
	switch rest {
	case "null", "stdin", "stdout", "stderr", "tty":
		return harmless
	}
	switch {
	case strings.HasPrefix(rest, "fd/") && number(rest[3:]):
		return harmless
	case strings.HasPrefix(rest, "tcp/"), strings.HasPrefix(rest, "udp/"):
		return network
	}
	return noDevice
}

// meaning returns what touching a file means beyond the file itself: that it
// holds credentials, says who may do what, or is code that will be run.
func meaning(name string, e protocol.Effects, glob bool) protocol.Effects {
	var more protocol.Effects
	lower := strings.ToLower(name)
	base := path.Base(lower)
	for part := range strings.SplitSeq(lower, "/") {
		if part == "" {
			continue
		}
		if secretName(part, glob) && !strings.HasSuffix(base, ".pub") {
			more |= protocol.Credential
		}
	}
	if strings.HasPrefix(lower, "/proc/") && matches(base, "environ mem kcore kmem") || strings.HasPrefix(lower, "/run/secrets/") ||
		strings.HasPrefix(lower, "/var/run/secrets/") || lower == "/dev/mem" {
		more |= protocol.Credential
	}
	if e.Any(protocol.Write | protocol.Destroy) {
		if matches(base, accessFiles) || within(lower, accessDirs) {
			more |= protocol.Access
		}
		if matches(base, startFiles) || within(lower, startDirs) || strings.Contains(lower, "/.git/hooks/") {
			more |= protocol.Code
		}
	}
	return more
}

// Names of files and directories that hold credentials.
const secretNames = ".ssh .aws .gnupg .kube .docker .azure gcloud .password-store .vault-token .netrc _netrc .pgpass " +
	".my.cnf .mylogin.cnf .git-credentials .npmrc .pypirc .env .env.* *.pem *.key *.p12 *.pfx *.jks *.kdbx *.keytab *.keystore " +
	"id_rsa* id_dsa* id_ecdsa* id_ed25519* shadow shadow- gshadow gshadow- ssh_host_*_key credentials credentials.* .credentials* " +
	"secret secrets secrets.* master.key .htpasswd opasswd *_history .terraformrc .boto .s3cfg wallet.dat kubeconfig admin.conf"

const (
	accessFiles = "authorized_keys authorized_keys2 passwd group shadow gshadow sudoers sshd_config ssh_config known_hosts .rhosts hosts.allow hosts.deny .shosts .k5login"
	accessDirs  = "/etc/sudoers.d /etc/pam.d /etc/ssh /etc/security /etc/polkit-1"
	startFiles  = ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv .zprofile .zlogin .kshrc .cshrc .tcshrc .login .logout " +
		".vimrc .exrc .inputrc .xinitrc .xprofile .gitconfig environment profile bash.bashrc crontab anacrontab rc.local ld.so.preload ld.so.conf inittab .pam_environment"
	startDirs = "/bin /sbin /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /lib /lib64 /usr/lib /usr/lib64 /usr/libexec /usr/local/lib /boot /proc /sys " +
		"/etc/cron.d /etc/cron.daily /etc/cron.hourly /etc/cron.weekly /etc/cron.monthly /var/spool/cron /etc/systemd /etc/init.d /etc/profile.d /etc/ld.so.conf.d " +
		"/etc/apt /etc/yum.repos.d /etc/modprobe.d /etc/udev /etc/ssh ~/.config/systemd ~/.config/autostart ~/.config/fish ~/.local/bin ~/bin .config/systemd .local/bin bin"
)

// secretName reports whether a part of a path, which may be of a pattern, can be
// one of secretNames.
func secretName(part string, glob bool) bool {
	if matches(part, secretNames) {
		return true
	}
	if !glob || !strings.ContainsAny(part, "*?[") || strings.Trim(part, "*") == "" || strings.HasPrefix(part, "*.") {
		return false // "*" is Opaque as it is
	}
	for name := range strings.FieldsSeq(secretNames) {
		if ok, err := path.Match(part, name); err != nil || ok {
			return true
		}
	}
	return false
}

// matches reports whether one of the patterns in list, which blanks separate,
// stands for s.
func matches(s, list string) bool {
	for p := range strings.FieldsSeq(list) {
		if p == s {
			return true
		}
		if strings.Contains(p, "*") {
			if ok, err := path.Match(p, s); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// within reports whether name is one of the directories in list or below one.
func within(name, list string) bool {
	for dir := range strings.FieldsSeq(list) {
		if rest, ok := strings.CutPrefix(name, dir); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
}

// secretVariable reports whether a variable's name says that it holds a secret.
func secretVariable(name string) bool {
	name = strings.ToUpper(name)
	for _, word := range [...]string{"SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "APIKEY", "API_KEY", "PRIVATE_KEY", "ACCESS_KEY", "CREDENTIAL"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, "_PASS") || strings.HasSuffix(name, "_PWD") && name != "OLDPWD"
}
