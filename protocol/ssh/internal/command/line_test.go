package command

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestTransfers: what clients send is recognised only where it is all of the
// line, and its paths are as they were sent.
func TestTransfers(t *testing.T) {
	for _, c := range []struct {
		line, verb string
		paths      []string
		recursive  bool
	}{
		{"scp -t /srv/in", ScpUpload, []string{"/srv/in"}, false},
		{"scp -r -p -t -- '/srv/a b/../c'", ScpUpload, []string{"/srv/a b/../c"}, true},
		{"scp -v -f ~/x", ScpDownload, []string{"~/x"}, false},
		{"scp -f /a /b", ScpDownload, []string{"/a", "/b"}, false},
		{"scp -f /srv/*.log", ScpDownload, []string{"/srv/*.log"}, false},
		{"/usr/bin/scp -prt .", ScpUpload, []string{"."}, true},
		{"rsync --server -vlogDtpre.iLsfxCIvu --delete-during . /srv/", RsyncUpload, []string{"/srv/"}, true},
		{"rsync --server --sender -logDtprze.iLsfxCIvu . /a b", RsyncDownload, []string{"/a", "b"}, true},
		{"git-upload-pack '/srv/it'\\''s.git'", GitFetch, []string{"/srv/it's.git"}, false},
		{"git receive-pack x.git", GitPush, []string{"x.git"}, false},
		{"git upload-archive 'x.git'", GitFetch, []string{"x.git"}, false},
		{"/usr/lib/openssh/sftp-server -l INFO", SFTP, nil, false},

		{"scp -t /a; ls", Exec, nil, false},
		{"scp -t /a > f", Exec, nil, false},
		{"X=1 scp -t /a", Exec, nil, false},
		{"scp -t /a &", Exec, nil, false},
		{"! scp -t /a", Exec, nil, false},
		{"sudo scp -t /a", Exec, nil, false},
		{"sh -c 'scp -t /a'", Exec, nil, false},
		{"(scp -t /a)", Exec, nil, false},
		{"scp -t $X", Exec, nil, false},
		{"scp -t /a /b", Exec, nil, false},
		{"scp -t -f /a", Exec, nil, false},
		{"scp -t", Exec, nil, false},
		{"./scp -t /a", Exec, nil, false},
		{"scp -S x -t /a", Exec, nil, false},
		{"rsync --server . $X", Exec, nil, false},
		{"rsync --server --daemon .", Exec, nil, false},
		{"rsync --server -svlogDtpre.iLsfxCIvu", Exec, nil, false},
		{"rsync -a a b", Exec, nil, false},
		{"git-upload-pack", Exec, nil, false},
		{"git-upload-pack a b", Exec, nil, false},
		{"git-upload-pack \"$X\"", Exec, nil, false},
		{"sftp-server x", Exec, nil, false},
		{"/tmp/sftp-server", Exec, nil, false},
	} {
		l := Parse(c.line, false)
		assert.Equal(t, c.verb, l.Verb, "%s\n%s", c.line, l.Remark)
		assert.Equal(t, c.paths, l.Paths, c.line)
		assert.Equal(t, c.recursive, l.Recursive, c.line)
		sound(t, c.line, l)
	}
}

// TestTerminal: with a terminal, what shows its output in a pager takes commands.
func TestTerminal(t *testing.T) {
	for _, text := range []string{"git log", "git diff", "systemctl status x", "journalctl -u x", "dmesg", "git -C /srv show"} {
		assert.Equal(t, read, Parse(text, false).Effects&^opaque, text)
		assert.True(t, Parse(text, true).Effects.Has(code|opaque), text)
	}
	for _, text := range []string{"less f", "man ls", "more f", "top", "bash", "vi f", "sudo -i", "ls; sh", "docker exec -it x sh"} {
		assert.True(t, Parse(text, true).Shell, text)
	}
	for _, text := range []string{"ls", "cat f", "grep x f"} {
		assert.Equal(t, Parse(text, false), Parse(text, true), text)
	}
}

// TestUnnamed: where a thing cannot be named, it is an object of its own, so
// that a rule for another one does not let it pass.
func TestUnnamed(t *testing.T) {
	for text, kind := range map[string]string{
		"make; $X": "command", "cat /srv/a \"$X\"": "path", "rm *.o $X": "path", "cat /srv/*/../x": "path", "cd $X; cat a": "path", "cat a; a b": "", "ssh $H ls": "host", "curl \"$U\"": "url",
	} {
		found := ""
		for _, o := range Parse(text, false).Objects {
			if o.Name == unnamed && o.Kind == kind {
				found = kind
				assert.True(t, o.Effects.Has(opaque), text)
			}
		}
		assert.Equal(t, kind, found, text)
	}
}

// TestOptions: an option that no row lists is not understood, whatever the
// program.
func TestOptions(t *testing.T) {
	for _, table := range []map[string]row{readers, writers, managers} {
		for name, r := range table {
			if r.rest == words || r.does.Has(opaque) {
				continue
			}
			l := Parse(name+" --no-such-option", false)
			assert.True(t, l.Effects.Has(opaque|r.worst), "%s\n%s", name, l.Effects)
			assert.NotEmpty(t, l.Remark, name)
			sound(t, name, Parse(name, true))
		}
	}
}
