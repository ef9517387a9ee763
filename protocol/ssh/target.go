package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/hostkey"
	"github.com/sallyport/sallyport/protocol/ssh/internal/minter"
)

// target is the connection to the target.
type target struct {
	xssh.Conn
	channels <-chan xssh.NewChannel
	requests <-chan *xssh.Request
}

func (p *Plugin) hostKeys() (*hostkey.Checker, error) {
	return hostkey.New(hostkey.Config{Files: p.config.HostKeys.Files, Lines: p.config.HostKeys.Lines})
}

// connect connects and logs in to the target.
func (p *Plugin) connect(s *protocol.Session) (*target, error) {
	ctx, cancel := context.WithTimeout(s.Context(), p.config.LoginTimeout)
	defer cancel()
	checker, err := p.hostKeys()
	if err != nil {
		return nil, &protocol.Failure{Public: "the gateway cannot check the target's host key", Err: err}
	}
	where := s.Target()
	verify, hostAlgorithms, err := checker.For(where.Address)
	if err != nil {
		return nil, &protocol.Failure{Public: fmt.Sprintf("the address of target %q is none", where.Name), Err: err}
	}
	login, err := p.config.Login(ctx, s.Principal(), where)
	if err != nil {
		return nil, &protocol.Failure{Public: "the gateway has no credential for the target", Err: err}
	}
	methods, err := login.methods(s)
	if err != nil {
		return nil, &protocol.Failure{Public: "the gateway has no credential for the target", Err: err}
	}
	conn, err := s.Dial(ctx, protocol.Endpoint{})
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	var unknown error
	client, channels, requests, err := xssh.NewClientConn(hushed{conn, s.Context()}, where.Address, &xssh.ClientConfig{
		Config: algorithms(), User: login.User, Auth: methods, ClientVersion: version, HostKeyAlgorithms: hostAlgorithms,
		HostKeyCallback: func(name string, remote net.Addr, key xssh.PublicKey) error {
			unknown = verify(name, remote, key)
			return unknown
		},
	})
	switch {
	case errors.Is(unknown, hostkey.ErrUnknown):
		conn.Close()
		return nil, &protocol.Failure{Public: fmt.Sprintf("the gateway knows no host key of target %q", where.Name), Err: unknown}
	case unknown != nil:
		conn.Close()
		return nil, &protocol.Failure{Public: fmt.Sprintf("the host key of target %q is not the one that the gateway knows", where.Name), Err: unknown}
	case err != nil:
		conn.Close()
		return nil, &protocol.Failure{Public: fmt.Sprintf("the gateway cannot log in to target %q", where.Name), Err: login.said(err)}
	}
	_ = conn.SetDeadline(time.Time{})
	return &target{client, channels, requests}, nil
}

// said is an error that holds words of the target's: those are no longer than
// a log bears.
func said(err error) error { return errors.New(clip(err.Error(), 400)) }

// said is said for a target that may repeat the password that it was given.
func (l Login) said(err error) error {
	if l.Password.Empty() {
		return said(err)
	}
	return said(errors.New(strings.ReplaceAll(err.Error(), l.Password.Reveal(), "[secret]")))
}

// methods returns the ways to log in, for one session.
func (l Login) methods(s *protocol.Session) ([]xssh.AuthMethod, error) {
	if l.User == "" {
		return nil, errors.New("ssh.Login.User is empty")
	}
	switch {
	case l.Authority != nil:
		key, err := minter.Mint(l.Authority, minter.CertRequest{Session: s.ID(), Principal: s.Principal().ID(), Users: []string{l.User}, Forward: true})
		if err != nil {
			return nil, err
		}
		return []xssh.AuthMethod{xssh.PublicKeys(key)}, nil
	case l.Key != nil:
		return []xssh.AuthMethod{xssh.PublicKeys(l.Key)}, nil
	case !l.Password.Empty():
		return []xssh.AuthMethod{
			xssh.PasswordCallback(func() (string, error) { return l.Password.Reveal(), nil }),
			xssh.KeyboardInteractive(l.answer),
		}, nil
	}
	return nil, errors.New("ssh.Login has neither Authority nor Key nor Password")
}

// answer gives the password to the one question that does not echo, and
// nothing to any other.
func (l Login) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	switch {
	case len(questions) == 0:
		return nil, nil
	case len(questions) == 1 && !echos[0]:
		return []string{l.Password.Reveal()}, nil
	}
	return nil, errors.New("the target asks for more than a password")
}

// hushed is a connection on which nothing more is written once the session is
// over. x/crypto answers some messages by itself, such as the close of a channel.
type hushed struct {
	net.Conn
	over context.Context
}

// Write implements net.Conn.
func (h hushed) Write(p []byte) (int, error) {
	if h.over.Err() != nil {
		return 0, net.ErrClosed
	}
	return h.Conn.Write(p)
}
