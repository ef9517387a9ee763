package ssh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/secret"
	"github.com/sallyport/sallyport/protocol"
)

// Secret is a string that prints as "[secret]".
type Secret = secret.Secret

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return secret.New(s) }

// Login is what the gateway logs in to a target with: the first of Authority,
// Key and Password that is there.
type Login struct {
	// User is the account on the target. Required.
	User string
	// Authority signs a certificate for this one session, valid for five
	// minutes from the login on and naming session and principal; the target
	// trusts it by TrustedUserCAKeys.
	Authority xssh.Signer
	// Key is a private key, or a certificate with its key.
	Key xssh.Signer
	// Password answers password and keyboard-interactive requests.
	Password Secret
}

// LogValue implements slog.LogValuer.
func (l Login) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", l.User), slog.String("by", l.by()))
}

// Format implements fmt.Formatter: signers hold private keys.
func (l Login) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "{%s by %s}", l.User, l.by()) }

// MarshalText implements encoding.TextMarshaler.
func (l Login) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", l), nil }

func (l Login) by() string {
	switch {
	case l.Authority != nil:
		return "authority"
	case l.Key != nil:
		return "key"
	case !l.Password.Empty():
		return "password"
	}
	return "nothing"
}

// LoginFunc returns the credential for a principal on a target. It is called
// for every session and may take its time within ctx. Its error ends the
// session; the client is told only that it failed.
type LoginFunc func(ctx context.Context, who identity.Principal, target protocol.Target) (Login, error)

// StaticLogin returns the same credential for everyone.
func StaticLogin(l Login) LoginFunc {
	return func(context.Context, identity.Principal, protocol.Target) (Login, error) { return l, nil }
}

// ReadKey reads a private key without a passphrase, in OpenSSH's or PEM format:
// a host key, a login key, an authority.
func ReadKey(file string) (xssh.Signer, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	signer, err := xssh.ParsePrivateKey(pem)
	if _, locked := errors.AsType[*xssh.PassphraseMissingError](err); locked {
		return nil, fmt.Errorf("%s: the key has a passphrase; a gateway needs one without", file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s holds no private key that can be read", file)
	}
	return signer, nil
}

// HostKeys says how targets prove who they are. One that it does not know is
// not connected to.
type HostKeys struct {
	// Files are known_hosts files, as OpenSSH has them: hashed names,
	// @cert-authority and @revoked included. They are read for every session.
	Files []string
	// Lines are lines of such a file.
	Lines []string
}

// Config is the plugin's settings.
type Config struct {
	// Keys are the gateway's own host keys, by which clients know it. At
	// least one. Certificates serve too.
	Keys []xssh.Signer
	// Login returns the target's credential. Required.
	Login LoginFunc
	// HostKeys are those of the targets. Required.
	HostKeys HostKeys
	// Env are the names of the environment variables that clients may set,
	// with "*" and "?" as in sshd's AcceptEnv. Nil means LANG and LC_*.
	// Others are dropped and recorded.
	Env []string
	// Forward lets rules decide on forwarded TCP connections, the verbs
	// "forward.connect" and "forward.listen". Without it all are refused.
	Forward bool
	// ForwardBytes is how much of a forwarded connection is recorded with its
	// content, in each direction; the rest by length and digest. Zero means
	// 64 KiB; negative means none.
	ForwardBytes int64
	// RawInput records what is typed in a terminal. Without it only when and
	// how much is, since nothing tells a password from a command; what the
	// target echoes is in the output.
	RawInput bool
	// FileBytes returns how many bytes of a file that is moved by SFTP are
	// recorded with their content, the rest by length and digest. Nil means
	// none of any.
	FileBytes func(path string, upload bool) int64
	// MaxCommand is the longest command line in bytes. Zero means 64 KiB,
	// which is also the most.
	MaxCommand int
	// MaxChannels is how many channels (commands, shells, SFTP, forwarded
	// connections) a client may have open at once. Zero means 32.
	MaxChannels int
	// LoginTimeout bounds connecting and logging in to the target. Zero means
	// 15 s.
	LoginTimeout time.Duration
	// KeepAlive is how often a silent target and a silent client are asked
	// whether they are there; after three questions without an answer the
	// session ends. Zero means 30 s; negative means never.
	KeepAlive time.Duration
}

const maxCommand = 64 << 10

func (c Config) withDefaults() Config {
	if c.Env == nil {
		c.Env = []string{"LANG", "LC_*"}
	}
	if c.ForwardBytes == 0 {
		c.ForwardBytes = 64 << 10
	}
	if c.MaxCommand == 0 {
		c.MaxCommand = maxCommand
	}
	if c.MaxChannels == 0 {
		c.MaxChannels = 32
	}
	if c.LoginTimeout == 0 {
		c.LoginTimeout = 15 * time.Second
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 30 * time.Second
	}
	return c
}

// LogValue keeps keys and functions out of logs.
func (c Config) LogValue() slog.Value {
	d := c.withDefaults()
	return slog.GroupValue(slog.Any("env", d.Env), slog.Bool("forward", d.Forward), slog.Bool("raw_input", d.RawInput),
		slog.Int("max_command", d.MaxCommand), slog.Int("max_channels", d.MaxChannels))
}

// Format implements fmt.Formatter: the keys in it are private.
func (c Config) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, c.LogValue()) }

func (c Config) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("ssh.Config."+format, args...)) }
	if len(c.Keys) == 0 {
		wrong("Keys is empty: clients know the gateway by its host key; ReadKey reads one")
	}
	kinds := map[string]bool{}
	for i, k := range c.Keys {
		switch {
		case k == nil:
			wrong("Keys[%d] is nil", i)
		case kinds[k.PublicKey().Type()]:
			wrong("Keys[%d]: there is another key of type %s, and a server has one of each", i, k.PublicKey().Type())
		default:
			kinds[k.PublicKey().Type()] = true
		}
	}
	if c.Login == nil {
		wrong("Login is missing: it gives the credential for the target")
	}
	if len(c.HostKeys.Files)+len(c.HostKeys.Lines) == 0 {
		wrong("HostKeys is empty: the gateway must know its targets; give it a known_hosts file")
	}
	for _, name := range c.Env {
		if _, err := path.Match(name, ""); err != nil || name == "" {
			wrong("Env: %q is no pattern", name)
		}
	}
	for name, value := range map[string]int{"MaxCommand": c.MaxCommand, "MaxChannels": c.MaxChannels} {
		if value < 0 {
			wrong("%s is %d; zero means the default", name, value)
		}
	}
	if c.MaxCommand > maxCommand {
		wrong("MaxCommand is over 64 KiB, beyond which nothing is understood")
	}
	return errors.Join(errs...)
}
