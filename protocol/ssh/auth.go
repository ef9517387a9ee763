package ssh

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// authentication is the client's way to prove who it is. What counts is what
// stands in the Permissions of the proof that succeeded, and not what was asked
// about last: a client may ask about keys that it cannot sign with.
type authentication struct {
	ctx    context.Context
	gate   *protocol.Gate
	client net.Conn
	name   string // as last claimed
	last   error  // of the proof that failed last
}

// provenKey is under what Permissions hold the identity.Proven.
type provenKey struct{}

// maxUser is the longest user name, with the target in it.
const maxUser = 255

var errUser = errors.New("the user name is none")

// version is how the gateway greets, to clients and targets.
const version = "SSH-2.0-Sallyport"

func (a *authentication) config(keys []xssh.Signer) *xssh.ServerConfig {
	c := &xssh.ServerConfig{
		Config: algorithms(), PublicKeyAuthAlgorithms: xssh.SupportedAlgorithms().PublicKeyAuths,
		ServerVersion: version, MaxAuthTries: 6,
	}
	for _, k := range keys {
		c.AddHostKey(k)
	}
	if a.serves(identity.SchemeSSHKey) {
		c.PublicKeyCallback = a.key
	}
	if a.serves(identity.SchemeToken) {
		c.PasswordCallback = func(meta xssh.ConnMetadata, password []byte) (*xssh.Permissions, error) {
			return a.token(meta, string(password))
		}
		c.KeyboardInteractiveCallback = a.keyboard
	}
	return c
}

// algorithms is what the gateway offers on both sides: what x/crypto has
// without known weaknesses, which is the greater part of OpenSSH's defaults.
func algorithms() xssh.Config {
	all := xssh.SupportedAlgorithms()
	return xssh.Config{KeyExchanges: all.KeyExchanges, Ciphers: all.Ciphers, MACs: all.MACs}
}

func (a *authentication) serves(scheme identity.Scheme) bool {
	_, err := a.gate.Verifier(a.ctx, scheme, "")
	return !errors.Is(err, identity.ErrSchemeUnsupported)
}

func (a *authentication) keyboard(meta xssh.ConnMetadata, ask xssh.KeyboardInteractiveChallenge) (*xssh.Permissions, error) {
	answers, err := ask("", "", []string{"Token: "}, []bool{false})
	if err != nil {
		return nil, err
	}
	if len(answers) != 1 {
		return nil, a.refused(errors.New("one question, and not one answer"))
	}
	return a.token(meta, answers[0])
}

// verifier returns the verifier for the name that the client claims now.
func (a *authentication) verifier(scheme identity.Scheme, meta xssh.ConnMetadata) (identity.Verifier, error) {
	user := meta.User()
	if len(user) > maxUser || !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl) {
		a.name = protocol.Visible(clip(user, maxUser))
		return nil, errUser
	}
	a.name, _ = splitUser(user)
	return a.gate.Verifier(a.ctx, scheme, a.name)
}

// token checks a token that came as a password. The wire is private: SSH is.
func (a *authentication) token(meta xssh.ConnMetadata, token string) (*xssh.Permissions, error) {
	v, err := a.verifier(identity.SchemeToken, meta)
	if err != nil {
		return nil, a.refused(err)
	}
	tokens, ok := v.(identity.TokenVerifier)
	if !ok {
		return nil, a.refused(identity.ErrSchemeUnsupported)
	}
	who, err := tokens.VerifyToken(a.ctx, token)
	if err != nil {
		return nil, a.refused(err)
	}
	return proven(who), nil
}

// key is asked both about keys and when one has signed.
func (a *authentication) key(meta xssh.ConnMetadata, key xssh.PublicKey) (*xssh.Permissions, error) {
	v, err := a.verifier(identity.SchemeSSHKey, meta)
	if err != nil {
		return nil, a.refused(err)
	}
	keys, ok := v.(identity.KeyVerifier)
	if !ok {
		return nil, a.refused(identity.ErrSchemeUnsupported)
	}
	who, err := keys.Holder(a.ctx, key.Marshal(), address(meta.RemoteAddr()))
	if err != nil {
		return nil, a.refused(err)
	}
	return proven(who), nil
}

func proven(who identity.Proven) *xssh.Permissions {
	return &xssh.Permissions{ExtraData: map[any]any{provenKey{}: who}}
}

// refused keeps err for the record and returns what the client learns.
func (a *authentication) refused(err error) error {
	a.last = err
	words := ""
	switch {
	case errors.Is(err, identity.ErrExpired):
		words = "sallyport: the credentials have expired\r\n"
	case errors.Is(err, identity.ErrUnavailable):
		words = "sallyport: credentials cannot be checked now; try again later\r\n"
	default:
		return err
	}
	return &xssh.BannerError{Err: err, Message: words}
}

// why returns why there is no connection: the proof that failed last says more
// than the list of all that was tried.
func (a *authentication) why(err error) error {
	if a.last != nil {
		return a.last
	}
	if _, ok := errors.AsType[*xssh.ServerAuthError](err); ok {
		return errors.New("the client left without a proof")
	}
	return err
}

// address returns the client's address, or the zero Addr where it has none.
func address(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}

// splitUser takes "agent%web1" apart.
func splitUser(user string) (name, target string) {
	if i := strings.LastIndexByte(user, '%'); i >= 0 {
		return user[:i], user[i+1:]
	}
	return user, ""
}
