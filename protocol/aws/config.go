package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/internal/secret"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/leaf"
	"github.com/sallyport/sallyport/protocol/aws/internal/sts"
)

// CredentialsPath is where the gateway serves credentials to clients that
// present a token, in the form that both AWS_CONTAINER_CREDENTIALS_FULL_URI
// and credential_process expect.
const CredentialsPath = "/.sallyport/credentials"

// Secret is a string that prints as "[secret]".
type Secret = secret.Secret

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return secret.New(s) }

// Credentials are AWS's own, which the gateway signs with.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey Secret
	// SessionToken is for temporary credentials; else empty.
	SessionToken Secret
	// Expires is when they end; zero means that they do not. The plugin asks
	// [Config.Login] again some minutes before.
	Expires time.Time
}

// Login is what the gateway calls AWS with.
type Login struct {
	Credentials Credentials
	// Role, where its ARN is not empty, is assumed with Credentials, for each
	// session anew, and the calls are made as that role.
	Role Role
}

// Format implements fmt.Formatter: it prints the access key's id and the role.
func (l Login) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, strings.TrimSpace(l.Credentials.AccessKeyID+" "+l.Role.ARN))
}

// LogValue implements slog.LogValuer.
func (l Login) LogValue() slog.Value {
	return slog.GroupValue(slog.String("access_key", l.Credentials.AccessKeyID), slog.String("role", l.Role.ARN))
}

// Role is an IAM role that the gateway assumes for a session. CloudTrail names
// the agent by the source identity, the session by the role session name. The
// role's trust policy must allow sts:AssumeRole, sts:SetSourceIdentity and,
// with Tags, sts:TagSession.
type Role struct {
	ARN        string
	ExternalID string
	// Region is whose STS is asked; empty means us-east-1.
	Region string
	// Tags are session tags besides "sallyport:principal", "sallyport:session"
	// and, where there is one, "sallyport:on-behalf-of". Nil sets no tags at all.
	Tags map[string]string
	// Life is how long the role's credentials live; zero means an hour. They
	// are renewed as long as the session lasts.
	Life time.Duration
}

// LoginFunc returns the credentials for a principal on a target. It is called
// for every session, and again when the credentials are about to end. Its
// error ends the call; the client is told only that it failed.
type LoginFunc func(ctx context.Context, who identity.Principal, target protocol.Target) (Login, error)

// StaticLogin returns the same credentials for everyone.
func StaticLogin(l Login) LoginFunc {
	return func(context.Context, identity.Principal, protocol.Target) (Login, error) { return l, nil }
}

// EnvironmentLogin reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
// AWS_SESSION_TOKEN by getenv, usually os.Getenv, each time it is asked, and
// assumes role where its ARN is not empty.
func EnvironmentLogin(getenv func(string) string, role Role) LoginFunc {
	return func(context.Context, identity.Principal, protocol.Target) (Login, error) {
		c := Credentials{
			AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: NewSecret(getenv("AWS_SECRET_ACCESS_KEY")),
			SessionToken: NewSecret(getenv("AWS_SESSION_TOKEN")),
		}
		if c.AccessKeyID == "" || c.SecretAccessKey.Empty() {
			return Login{}, errors.New("AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
		}
		return Login{Credentials: c, Role: role}, nil
	}
}

// Target returns AWS itself as a target, in all partitions, under a name of
// the user's: usually the account's.
func Target(name string) protocol.Target {
	t := protocol.Target{Name: name, Address: "sts.amazonaws.com:443"}
	for _, d := range leaf.Domains() {
		t.Endpoints = append(t.Endpoints, "*."+d+":443")
	}
	return t
}

// NewAuthority makes an authority for proxy mode: its certificate, which
// clients must trust, and its private key, both as PEM. It vouches for AWS's
// domains only. It lives for life, at most ten years.
func NewAuthority(name string, life time.Duration) (certPEM, keyPEM []byte, err error) {
	return leaf.NewCA(name, life)
}

// Config is the plugin's settings. A target without Endpoints is one server
// that answers all calls, such as a store that speaks S3; [Target] is AWS.
type Config struct {
	// Issuer issues the credentials that clients sign with. Required, and one
	// of the gateway's authenticators too: give it to Identify.
	Issuer *awskeys.Issuer
	// Login returns the credentials for the target. Required.
	Login LoginFunc
	// Authority signs the certificates of proxy mode; without it the gateway
	// is no proxy.
	Authority *tls.Certificate
	// Hosts are the names under which clients reach the gateway in endpoint
	// mode, without port. A request for a name below one of them is for the S3
	// bucket of that name; it needs a wildcard in DNS and certificate.
	Hosts []string
	// Account is the target's account id, for the ARNs of what calls are
	// about. Where it is empty they have none.
	Account string
	// HandOut are the verbs of calls that may be let through although they
	// hand credentials to the caller, such as "ecr:GetAuthorizationToken".
	// Rules still decide about them. Others are refused: what they return would
	// pass by the gateway.
	HandOut []string
	// Life is how long issued credentials live where the client asks for
	// nothing else; zero means an hour. They never outlive the principal's proof.
	Life time.Duration
	// MaxBody is the most bytes that a body which is held whole may have, in
	// either direction. Zero means 8 MiB, and 128 MiB is the most. All that are
	// held for one credential at a time take eight times as much in each
	// direction; more wait. Objects and other streaming blobs have no limit here.
	MaxBody int64
	// Patience is how long a call that waits for a person goes on waiting when
	// its client has left, for a retry that joins it. Zero means a minute.
	Patience time.Duration
	// Plaintext takes clients without TLS that do not come over loopback. It is
	// logged: their data can be read on the way.
	Plaintext bool
}

const (
	defaultMaxBody  = 8 << 20
	mostBody        = 128 << 20
	defaultPatience = time.Minute
)

func (c Config) withDefaults() Config {
	if c.MaxBody == 0 {
		c.MaxBody = defaultMaxBody
	}
	if c.Patience == 0 {
		c.Patience = defaultPatience
	}
	c.Hosts, c.HandOut = slices.Clone(c.Hosts), slices.Clone(c.HandOut)
	for i, h := range c.Hosts {
		c.Hosts[i] = strings.ToLower(h)
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Issuer == nil {
		wrong("Config.Issuer is missing: clients need credentials to sign with; awskeys.New makes one")
	}
	if c.Login == nil {
		wrong("Config.Login is missing: the gateway needs credentials of its own; StaticLogin gives the same to everyone")
	}
	if c.Account != "" && !sts.ValidAccount(c.Account) {
		wrong("Config.Account %q is no account id; these have 12 digits", c.Account)
	}
	if c.MaxBody < 0 || c.MaxBody > mostBody {
		wrong("Config.MaxBody must be from 1 to %d bytes", int64(mostBody))
	}
	if c.Patience < 0 || c.Life < 0 {
		wrong("Config.Patience and Config.Life must not be negative")
	}
	for _, h := range c.Hosts {
		if h == "" || strings.ContainsAny(h, ":/* ") {
			wrong("Config.Hosts: %q is no host name; give it without port", h)
		}
	}
	for _, v := range c.HandOut {
		if err := knownVerb(v); err != nil {
			wrong("Config.HandOut: %w", err)
		}
	}
	return errors.Join(errs...)
}

// Format implements fmt.Formatter: nothing of a Config shows keys.
func (c Config) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{hosts %v, account %s, proxy mode %t}", c.Hosts, c.Account, c.Authority != nil)
}
