package main

import (
	"context"
	"fmt"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
)

type sshConfig struct {
	HostKeys       []string `yaml:"host_keys"`
	KnownHosts     []string `yaml:"known_hosts"`
	KnownHostLines []string `yaml:"known_host_lines"`
	Env            []string `yaml:"env"`
	Forward        bool     `yaml:"forward"`
	ForwardBytes   size     `yaml:"forward_bytes"`
	RawInput       bool     `yaml:"raw_input"`
	FileBytes      size     `yaml:"file_bytes"`
	MaxCommand     size     `yaml:"max_command"`
	MaxChannels    int      `yaml:"max_channels"`
	LoginTimeout   duration `yaml:"login_timeout"`
	KeepAlive      duration `yaml:"keep_alive"`
}

// sshSettings are for the plugin of all listeners that speak SSH.
func (s *settings) sshSettings() ssh.Config {
	c := s.SSH
	config := ssh.Config{
		Keys: s.hostKeys, Login: s.sshLogin,
		HostKeys: ssh.HostKeys{Files: c.KnownHosts, Lines: c.KnownHostLines},
		Env:      c.Env, Forward: c.Forward, ForwardBytes: int64(c.ForwardBytes), RawInput: c.RawInput,
		MaxCommand: int(c.MaxCommand), MaxChannels: c.MaxChannels,
		LoginTimeout: time.Duration(c.LoginTimeout), KeepAlive: time.Duration(c.KeepAlive),
	}
	if n := int64(c.FileBytes); n > 0 {
		config.FileBytes = func(string, bool) int64 { return n }
	}
	return config
}

// sshLogin reads a target's credential for each session, as login does.
func (s *settings) sshLogin(_ context.Context, _ identity.Principal, target protocol.Target) (ssh.Login, error) {
	l := s.target(target.Name).Login
	login := ssh.Login{User: l.User}
	for _, from := range []struct {
		field, file string
		to          *xssh.Signer
	}{{"authority", l.Authority, &login.Authority}, {"key", l.Key, &login.Key}} {
		if from.file == "" {
			continue
		}
		key, err := ssh.ReadKey(from.file)
		if err != nil {
			return login, fmt.Errorf("target %q: login.%s: %w", target.Name, from.field, err)
		}
		*from.to = key
	}
	if l.Password.given() {
		password, err := l.Password.read()
		if err != nil {
			return login, fmt.Errorf("target %q: login.password: %w", target.Name, err)
		}
		login.Password = ssh.NewSecret(password)
	}
	return login, nil
}
