//go:build unix

package main

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
)

// The host is what the agent works on by SSH: a small server in pure Go, with a
// directory of its own. Only the gateway can log in to it.
const (
	hostName = "web1"
	cloudKey = "AKIAZ7QYXWVUTSRPONML" // made up, of the form that AWS's have

	settingsFile = "name=shop\naws_key=" + cloudKey + "\n"
	releaseNotes = "Release 4.2: gift wrapping, and a kettle that whistles in tune.\n"
)

// openHost starts the server and puts some files there.
func openHost() (*sshserver.Embedded, error) {
	server, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{})
	if err != nil {
		return nil, err
	}
	write := func(name, text string) error {
		return os.WriteFile(filepath.Join(server.Dir(), name), []byte(text), 0o600)
	}
	return server, errors.Join(
		write("settings", settingsFile),
		write("import.log", "nothing of use\n"),
		os.Mkdir(filepath.Join(server.Dir(), "backups"), 0o700),
		write("backups/monday", "all there is\n"),
	)
}

// hostPlugin is the gateway's SSH side. Its host key is made for this run; a
// gateway that stays keeps its own in a file.
func (t *tour) hostPlugin() (*ssh.Plugin, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	if t.hostKey, err = xssh.NewSignerFromKey(key); err != nil {
		return nil, err
	}
	return ssh.New(ssh.Config{
		Keys:     []xssh.Signer{t.hostKey},
		HostKeys: ssh.HostKeys{Lines: []string{t.host.KnownHosts()}},
		Login:    ssh.StaticLogin(ssh.Login{User: t.host.User(), Key: t.host.ClientKey()}),
	}), nil
}

func (t *tour) hostTarget() protocol.Target {
	return protocol.Target{Name: hostName, Address: t.host.Addr()}
}
