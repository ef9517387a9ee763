package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// The rules that people write, and what must not come through them.
func readingRules(t *testing.T) *approve.Policy {
	return policy(t,
		approve.Rule{Name: "no shells", Verbs: []string{"shell"}},
		approve.Rule{Name: "reading", Verdict: protocol.Allow, Verbs: []string{"exec"}, Effects: protocol.Read})
}

func closedRules(t *testing.T) *approve.Policy {
	return policy(t,
		approve.Rule{Name: "reading", Verdict: protocol.Allow, Effects: protocol.Read},
		approve.Rule{Name: "closed", Objects: []string{"path:/etc/hosts", "path:/home/*/.ssh/*"}},
		approve.Rule{Name: "destroying", Verdict: protocol.Ask, Effects: protocol.Destroy})
}

func placeRules(t *testing.T) *approve.Policy {
	programs := []string{"command:cat", "command:ls", "command:cp", "command:tee", "command:sed", "command:ln", "command:mv", "command:sort", "command:find", "command:tar", "command:awk", "command:env"}
	return policy(t,
		approve.Rule{Name: "place", Verdict: protocol.Allow, Effects: protocol.Read | protocol.Write | protocol.Destroy, Objects: []string{"path:/srv/app/*"}},
		approve.Rule{Name: "programs", Verdict: protocol.Allow, Objects: programs})
}

func policy(t *testing.T, rules ...approve.Rule) *approve.Policy {
	t.Helper()
	p, err := approve.NewPolicy(rules...)
	require.NoError(t, err)
	return p
}

func verdict(p *approve.Policy, text string) protocol.Verdict {
	l := Parse(text, false)
	op := &protocol.Operation{Verb: l.Verb, Text: text, Effects: l.Effects, Objects: l.Objects}
	return p.Decide(identity.Principal{Name: "coder"}, "web1", op).Verdict
}

// TestReadingRules: what does more than reading does not come through a rule
// that allows reading alone.
func TestReadingRules(t *testing.T) {
	p := readingRules(t)
	for _, text := range []string{
		`awk '/"/{print | "sh"} /"/' f`, `awk '/"/{print > "x"} /"/' f`, `awk '/\//{print > "x"}' f`,
		`awk 'BEGIN{x=SYMTAB["ENVI" "RON"]}' f`,
		"sudo -u bob -i", "sudo -u bob -s", "sudo -g x -s", "sudo -u bob --login", "doas -u bob -s",
		"ip -batch a", "ip -b a", "ip -b link", "ip link s eth0 down", "ip l s eth0 down", "ip -force -batch a",
		"xargs --replace=ls ls", "xargs -ils ls", "xargs -n 1 -I ls ls", "xargs -0I ls ls", "xargs -n1 -Ils ls",
		"git config edit", "git config --global edit", "git config a.b c",
		"find . -exec cat + -newer /etc/shadow -exec ls ';'", "find . -maxdepth 0 -exec rm + -newer x -exec ls ';'",
		"ps e", "ps auxe", "ps -auxe", "ps -o pid,environ", "printenv AWS_SECRET_ACCESS_KEY",
		"md5sum -c f", "sha256sum --check f", "sort --files0-from=f", "file -f f", "git grep x",
		"strings @f", "nm @f", "objdump -d @f",
		"sed -i.bak p f", "mktemp /etc/x.XXXX", "sort -T /etc f", `awk '{gsub(/"/,"");print > "y"; gsub(/"/,"")}' f`,
		"/tmp/d/../../usr/bin/cat x", "ls ..", "cat /proc/self/root/x", "cat /proc/1/cwd/x", "cat /dev/fd/../../x",
		"cd -P /a/..; cat x",
	} {
		assert.NotEqual(t, protocol.Allow, verdict(p, text), text)
	}
}

// TestClosedRules: a path that a rule closes stays closed, however it is written.
func TestClosedRules(t *testing.T) {
	p := closedRules(t)
	for _, text := range []string{
		"cat /etc/hosts", "cat /etc//hosts", "cat //etc/hosts", "cat /etc/./hosts", "cat /etc/hosts/", "cat /ETC/HOSTS", "cat /etc/hos?s", "cat /etc/{hosts,x}",
		"cat ../../etc/hosts", "cat /var/run/../etc/hosts", "cat /var/lock/../../etc/hosts", "cd /srv/link && cat ../etc/hosts", "cd ..; cat etc/hosts",
		"cat /proc/self/root/etc/hosts", "cat /proc/self/cwd/etc/hosts", "cat /proc/thread-self/root/etc/hosts", "cat /dev/fd/../root/etc/hosts",
		"cat < /etc/hosts", "cat <<<$(</etc/hosts)", "exec 3</etc/hosts; cat <&3", "while read l; do echo $l; done < /etc/hosts", "mapfile x < /etc/hosts",
		"cd /etc && cat hosts", "cd /etc; cat hosts", "cd /; cd etc; cat hosts", "env -C /etc cat hosts", "env -i -u X --chdir /etc cat hosts", "env -iC /etc cat hosts",
		"sudo -D /etc cat hosts", "sudo -u bob -D /etc cat hosts", "pushd /etc; cat hosts",
		"cd /srv; for i in 1 2; do cat hosts; command cd /etc; done", "cd /srv; while :; do cat hosts; eval 'cd /etc'; done", `cd /srv; until cat hosts; do builtin cd /etc; done`,
		"cd /etc; git diff hosts /dev/null", "git -C /etc diff hosts /dev/null", "git -C /etc blame hosts", "cd /etc; git blame hosts", "cd /etc; git grep . hosts",
		"date -f /etc/hosts", "date --file /etc/hosts", "file -m /etc/hosts x", "grep -f /etc/hosts x", "grep -if/etc/hosts x", "diff -X /etc/hosts a b", "diff --from-file /etc/hosts a",
		"wc --files0-from=/etc/hosts", "du --files0-from /etc/hosts", "strings @/etc/hosts", "tail --pid 1 /etc/hosts", "base64 /etc/hosts", "jq -R . /etc/hosts",
		"sort --files0-from=f", "tar tf /etc/hosts", "dd if=/etc/hosts", "sed p /etc/hosts", "awk 1 /etc/hosts", "curl file:///etc/hosts", "curl --url file:///etc/hosts", "curl 'file:///etc/{hosts,x}'",
		"find /srv -exec cat /etc/hosts ';'", "find . -exec cat + -newer /etc/hosts -exec ls ';'", "xargs -a /etc/hosts echo", "xargs cat /etc/hosts", "nl -- /etc/hosts",
		"cat ~u/.ssh/config", "cat /home/u/.ssh/config", "cd /home/u; cat .ssh/id.pub", "cd /home/u/.ssh; cat id.pub",
	} {
		assert.NotEqual(t, protocol.Allow, verdict(p, text), text)
	}
}

// TestPlaceRules: a rule that allows a program, and one that allows a place,
// allow no other place.
func TestPlaceRules(t *testing.T) {
	p := placeRules(t)
	for _, text := range []string{
		"cp --target-dir=/etc /srv/app/x", "cp -t /etc /srv/app/x", "cp /srv/app/x -vt/etc", "cp /srv/app/x /etc", "cp -S /../../etc/x -b /srv/app/a /srv/app/b", "cp --backup /srv/app/a /srv/app/b",
		"cat /srv/app/link/../../x", "cat /srv/app/../x", "cd /srv/app/sub && cat ../../x", "ls --unknown=/etc /srv/app/x", "cat -nx /srv/app/x", "cat $X /srv/app/x",
		"sed -i'/etc/cron.d/*' p /srv/app/f", "sed -i../x p /srv/app/f", "sed 'w /etc/x' /srv/app/f", "sed -f /srv/app/s /srv/app/f", "sed --in-place=/x* p /srv/app/f", "sed 'r /etc/x' /srv/app/f",
		"ln /etc/passwd /srv/app/p", "ln -s /etc /srv/app/p", "ln -s ../../etc /srv/app/p", "ln -s /srv/app/a", "ln -sft /etc /srv/app/a", "tar tf /srv/app/a:b", "tar tf /srv/app/a --to-command=sh", "sort -T/etc /srv/app/a", "mv --backup --suffix=/x /srv/app/a /srv/app/b",
		"sort --compress-program=/srv/app/x /srv/app/y", "sort --files0-from=/srv/app/x", "find /srv/app/x -files0-from x", "find /srv/app/x $Y", "find /srv/app/x -fls /etc/x",
		"tar xPf /srv/app/x -C /srv/app/y", "tar xf /srv/app/x --use-compress-program=x -C /srv/app/y", "tar -cf /srv/app/x -C /srv/app/y /etc/passwd",
		`awk '{print > "/etc/x"}' /srv/app/x`, `awk -i inplace 1 /srv/app/x`, "env LD_PRELOAD=/srv/app/x cat /srv/app/y",
		"cat /srv/apple", "ls /srv/app", "ls", "cat ~/x", "/srv/app/../../bin/cat /srv/app/x", "/tmp/../usr/bin/cat /srv/app/x",
	} {
		assert.NotEqual(t, protocol.Allow, verdict(p, text), text)
	}
	for _, text := range []string{
		"cat /srv/app/x", "ls -la /srv/app/sub", "cp /srv/app/a /srv/app/b", "tee -a /srv/app/x", "cat < /srv/app/x > /srv/app/y", "sed -i s/a/b/ /srv/app/x",
		"sed -i.bak s/a/b/ /srv/app/x", "mv /srv/app/a /srv/app/b", "find /srv/app/x -name y", "awk '{print $1}' /srv/app/x", "/usr/bin/cat /srv/app/x",
	} {
		assert.Equal(t, protocol.Allow, verdict(p, text), text)
	}
}

// TestEveryday says what becomes of common lines where reading is allowed.
func TestEveryday(t *testing.T) {
	p := readingRules(t)
	for _, c := range []struct {
		verdict protocol.Verdict
		lines   []string
	}{
		{protocol.Allow, []string{
			"git status", "git log --oneline -5", "git diff HEAD~1", "git branch -a", "git remote -v", "git show HEAD:x", "git -C /srv/app status", "git config --list", "cd /srv/app && git status",
			"ls -la", "ls -laR /srv", "ps aux | grep x", "ps -ef", "ps -eo pid,user,etime --sort=-pcpu", "df -h", "du -sh /srv", "free -m", "uptime", "uname -a", "hostname -f", "id", "w", "last -n 5",
			"journalctl -u x -n 50", "journalctl --since '1 hour ago' --no-pager", "sudo journalctl -u nginx -n 100 --no-pager", "systemctl status x", "sudo systemctl status nginx", "systemctl", "systemctl --failed",
			"systemctl list-units --all", "tail -f /var/log/syslog", "tail -n 100 a | grep -i error", "head -c 5 f", "find . -name x", "find /srv -type f -mtime -1", "grep -n x f", "grep -E 'a|b' f",
			"cat a | sort | uniq -c | sort -rn | head", "wc -l f", "stat f", "md5sum f", "diff a b", "cut -d: -f1 /etc/passwd", "awk '{print $1}' f", "awk -F: '/x/{print $1}' f", "ps aux | awk '{print $2}'",
			"sed -n '1,10p' f", "docker ps", "docker logs --tail 5 x", "docker stats --no-stream", "ss -tulpn", "netstat -tlnp", "lsof -i :80", "ip a", "ip -br a", "ip route", "ip addr show eth0", "date +%s",
			"crontab -l", "env", "echo $PATH", "test -f x && echo y", "if [ -f x ]; then cat x; fi", "for i in 1 2 3; do echo $i; done", "while read l; do echo $l; done < f", "timeout 5 tail -f x",
			"dpkg -l", "apt list --installed", "rpm -qa", "pip list", "getent passwd root", "top -bn1", "lsblk", "dmesg | tail", "find . -name '*.log' | wc -l", "ls | xargs -n1 echo || true",
		}},
		{protocol.Deny, []string{
			// Nobody can say what they touch: a rule with Opaque allows them.
			"grep -rn x .", "rg x", "git grep x", "cat *.log", "du -sh /srv/*", "ls ..", "find . -exec cat {} +", "find . -name x | xargs cat", "kubectl get pods", "curl -sS http://h/x", "ping -c 1 h", "dig h",
			// More than reading.
			"cd /srv/app && git pull", "git fetch", "git commit -m x", "git checkout main", "sudo systemctl restart nginx", "docker exec c ls", "make", "python3 x.py", "./deploy.sh", "npm ci",
			"apt-get install -y x", "echo x > f", "mkdir -p a", "touch a", "cp a b", "mv a b", "rm f", "rm -rf d", "chmod 600 f", "kill 1", "sed -i s/a/b/ f", "tar xzf a.tgz", "cat .env", "cat ~/.ssh/id_rsa",
			"bash", "sudo -i", "vim f", "python3", "kubectl exec -it p -- sh",
			// awk compares and writes with the same letter.
			"ps aux | awk '$3 > 50'",
			// What Ansible and rsync start.
			"/bin/sh -c 'echo ~u && sleep 0; /usr/bin/python3 /home/u/.ansible/tmp/a/AnsiballZ_ping.py'", "rsync --server --sender -vlogDtpre.iLsfxCIvu . /a", "scp -f /a", "scp -t /a",
		}},
	} {
		for _, text := range c.lines {
			assert.Equal(t, c.verdict, verdict(p, text), text)
		}
	}
}

// TestPagers: in a terminal, what shows its text in a pager can be told to run
// commands.
func TestPagers(t *testing.T) {
	for _, text := range []string{
		"git log", "git diff", "git branch -a", "git tag -l", "git config --list", "git stash list", "git stash show", "git grep x", "systemctl status x", "systemctl", "systemctl --failed",
		"journalctl -u x", "timedatectl list-timezones", "loginctl list-sessions", "loginctl", "systemd-analyze blame", "coredumpctl list", "localectl status",
		"apt list", "apt show x", "apt search x", "apt policy x", "dpkg -l", "dpkg-query -l", "dmesg -H",
	} {
		assert.True(t, Parse(text, true).Effects.Has(protocol.Code), text)
		assert.False(t, Parse(text, false).Effects.Has(protocol.Code), text)
	}
}

// TestProgramsElsewhere: a rule that allows a program by its place allows none
// that a link makes of it.
func TestProgramsElsewhere(t *testing.T) {
	p := policy(t, approve.Rule{Name: "tool", Verdict: protocol.Allow, Objects: []string{"command:/opt/tool", "path:/srv/*"}})
	assert.Equal(t, protocol.Allow, verdict(p, "/opt/tool"))
	for _, text := range []string{"/tmp/link/../../opt/tool", "/opt/x/../tool", "../opt/tool", "cd /opt; ./tool"} {
		assert.Equal(t, protocol.Deny, verdict(p, text), text)
	}
}
