package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"regexp"

	"go.opentelemetry.io/otel/metric"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Builder collects what a gateway is made of. Its methods return the builder;
// mistakes are kept for [Builder.Build]. A Builder is for one goroutine and
// one Build.
type Builder struct {
	name      string
	auth      []identity.Authenticator
	log       recorder.Log
	maskRules []mask.Rule
	policy    []approve.Rule
	approvers []approve.Approver
	allowAll  bool
	approved  bool
	observe   bool
	outlive   bool
	chain     []Middleware
	listeners []*listener
	given     []net.Listener
	limits    Limits
	logger    *slog.Logger
	meter     metric.MeterProvider
	cert      *tls.Certificate
	errs      []error
	built     bool
}

var validName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.]{0,63}$`)

// New starts a gateway. name stands in front of every session id and must be
// different for every gateway whose records are ever looked at together: up
// to 64 letters, digits, dots and underscores.
func New(name string) *Builder {
	b := &Builder{name: name}
	if !validName.MatchString(name) {
		b.fail("New", "the name %q must be 1 to 64 letters, digits, dots and underscores", name)
	}
	return b
}

func (b *Builder) fail(method, format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf("%s: "+format, append([]any{method}, args...)...))
}

// wrong keeps err, and of joined errors each, as mistakes of method.
func (b *Builder) wrong(method string, err error) {
	b.errs = append(b.errs, each(method, err)...)
}

// each puts a name in front of every error that err joins.
func each(name string, err error) []error {
	// fmt.Errorf makes errors of several parts too; Join's is their list and no more.
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || errors.Join(joined.Unwrap()...).Error() != err.Error() {
		return []error{fmt.Errorf("%s: %w", name, err)}
	}
	var list []error
	for _, e := range joined.Unwrap() {
		list = append(list, each(name, e)...)
	}
	return list
}

// Identify says who can prove who they are. Required. Several authenticators
// are asked in order, see [identity.Any].
func (b *Builder) Identify(list ...identity.Authenticator) *Builder {
	for _, a := range list {
		if a == nil {
			b.fail("Identify", "an authenticator is nil")
			continue
		}
		b.auth = append(b.auth, a)
	}
	return b
}

// Record says where everything is written down before it happens. Required.
// The caller closes the log after Serve has returned.
func (b *Builder) Record(log recorder.Log) *Builder {
	switch {
	case log == nil:
		b.fail("Record", "the log is nil")
	case b.log != nil:
		b.fail("Record", "was called twice; a gateway has one log")
	default:
		b.log = log
	}
	return b
}

// Mask says what must not be seen. Without it nothing is masked.
func (b *Builder) Mask(rules ...mask.Rule) *Builder {
	b.maskRules = append(b.maskRules, rules...)
	return b
}

// Approve gives the policy and who answers where it asks. This or
// [Builder.AllowAll] is required. What no rule matches is denied.
func (b *Builder) Approve(policy []approve.Rule, approvers ...approve.Approver) *Builder {
	if b.approved {
		b.fail("Approve", "was called twice; put all rules into one list")
	}
	b.approved = true
	b.policy = policy
	for _, a := range approvers {
		if a == nil {
			b.fail("Approve", "an approver is nil")
			continue
		}
		b.approvers = append(b.approvers, a)
	}
	return b
}

// AllowAll lets everything through that the plugins themselves do not refuse:
// a gateway that only knows, records and masks. It is logged as a warning and
// stands in every decision.
func (b *Builder) AllowAll() *Builder {
	b.allowAll = true
	return b
}

// Observe carries out what the policy would deny or ask about, and records it
// as such: for trying a policy on live traffic. What plugins refuse for the
// sake of masks is still refused. It is logged as a warning and stands in
// every session's record.
func (b *Builder) Observe() *Builder {
	b.observe = true
	return b
}

// OutliveExpiry lets sessions go on after their principal's proof has expired;
// without it a session ends when its token does. It is logged as a warning and
// stands in every session's record.
func (b *Builder) OutliveExpiry() *Builder {
	b.outlive = true
	return b
}

// Use wraps admission; the first middleware listed is the outermost.
func (b *Builder) Use(chain ...Middleware) *Builder {
	for _, m := range chain {
		if m == nil {
			b.fail("Use", "a middleware is nil")
			continue
		}
		b.chain = append(b.chain, m)
	}
	return b
}

// Limits bounds what clients may take; without it the defaults of [Limits] hold.
func (b *Builder) Limits(l Limits) *Builder {
	if err := l.validate(); err != nil {
		b.errs = append(b.errs, err)
	}
	b.limits = l
	return b
}

// Logger sets where the operator's log goes; without it slog.Default().
func (b *Builder) Logger(l *slog.Logger) *Builder {
	b.logger = l
	return b
}

// Meter sets where counters and histograms go; without it the global
// OpenTelemetry provider.
func (b *Builder) Meter(m metric.MeterProvider) *Builder {
	b.meter = m
	return b
}

// Certificate is what the gateway shows to clients that ask for TLS.
func (b *Builder) Certificate(c tls.Certificate) *Builder {
	if len(c.Certificate) == 0 || c.PrivateKey == nil {
		b.fail("Certificate", "needs a certificate chain and its private key; tls.LoadX509KeyPair gives both")
		return b
	}
	b.cert = &c
	return b
}

// Listen serves p on a TCP address ("127.0.0.1:6432"; port 0 takes a free one,
// see [Gateway.Addrs]) or, where addr starts with "/", on a Unix socket. With
// several targets the client names the one it wants, as its protocol says.
func (b *Builder) Listen(addr string, p protocol.Protocol, target protocol.Target, more ...protocol.Target) *Builder {
	return b.listen(&listener{addr: addr, proto: p, targets: append([]protocol.Target{target}, more...)}, "Listen")
}

// ListenTLS is Listen for protocols without a TLS negotiation of their own:
// connections start with a TLS handshake. It needs [Builder.Certificate].
func (b *Builder) ListenTLS(addr string, p protocol.Protocol, target protocol.Target, more ...protocol.Target) *Builder {
	return b.listen(&listener{addr: addr, proto: p, tls: true, targets: append([]protocol.Target{target}, more...)}, "ListenTLS")
}

// ListenOn is Listen on a listener that is there already: from socket
// activation, or in memory for tests. The gateway closes it.
func (b *Builder) ListenOn(ln net.Listener, p protocol.Protocol, target protocol.Target, more ...protocol.Target) *Builder {
	if ln == nil {
		b.fail("ListenOn", "the listener is nil")
		return b
	}
	b.given = append(b.given, ln)
	return b.listen(&listener{addr: ln.Addr().String(), ln: ln, proto: p, targets: append([]protocol.Target{target}, more...)}, "ListenOn")
}

func (b *Builder) listen(l *listener, method string) *Builder {
	l.method = method
	if l.proto == nil {
		b.fail(method, "%s: the protocol is nil", l.addr)
		return b
	}
	seen := map[string]bool{}
	for _, t := range l.targets {
		switch {
		case t.Name == "":
			b.fail(method, "%s: a target has no name", l.addr)
		case t.Address == "":
			b.fail(method, "%s: target %q has no address", l.addr, t.Name)
		case seen[t.Name]:
			b.fail(method, "%s: target %q is there twice", l.addr, t.Name)
		}
		seen[t.Name] = true
	}
	if v, ok := l.proto.(protocol.Validator); ok {
		if err := v.Validate(l.targets); err != nil {
			b.wrong(method+": "+l.addr, err)
		}
	}
	b.listeners = append(b.listeners, l)
	return b
}
