package proxy

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"go.opentelemetry.io/otel"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// Build checks everything, binds the listeners and returns the gateway. The
// error joins every mistake, each naming the method at fault; nothing stays
// open then.
func (b *Builder) Build() (*Gateway, error) {
	if b.built {
		return nil, errors.New("Build: was called twice; make a new builder")
	}
	b.built = true
	if len(b.auth) == 0 {
		b.fail("Identify", "is missing: a gateway must know who asks")
	}
	if b.log == nil {
		b.fail("Record", "is missing: a gateway must write down what it does")
	}
	if !b.approved && !b.allowAll {
		b.fail("Approve", "is missing: give a policy, or say AllowAll")
	}
	if b.approved && b.allowAll {
		b.fail("AllowAll", "contradicts Approve; choose one")
	}
	if len(b.listeners) == 0 {
		b.fail("Listen", "is missing: a gateway must listen somewhere")
	}
	r := &rules{identity: identity.Any(b.auth...), certificate: b.cert}
	var err error
	if r.masks, err = mask.New(b.maskRules...); err != nil {
		b.wrong("Mask", err)
	}
	if b.approved {
		if r.policy, err = approve.NewPolicy(b.policy...); err != nil {
			b.wrong("Approve", err)
		}
		if err := checkApprovers(b.policy, b.approvers); err != nil {
			b.wrong("Approve", err)
		}
	}
	addresses := map[string]string{}
	for _, l := range b.listeners {
		if l.tls && b.cert == nil {
			b.fail(l.method, "%s: needs a Certificate", l.addr)
		}
		for _, t := range l.targets {
			if other, ok := addresses[t.Name]; ok && other != t.Address {
				b.fail(l.method, "%s: target %q is %s here and %s elsewhere; rules and record know targets by name", l.addr, t.Name, t.Address, other)
			}
			addresses[t.Name] = t.Address
		}
	}
	if len(b.errs) == 0 {
		b.bind()
	}
	if len(b.errs) > 0 {
		b.closeListeners()
		return nil, errors.Join(b.errs...)
	}
	r.finish()
	if b.logger == nil {
		b.logger = slog.Default()
	}
	if b.meter == nil {
		b.meter = otel.GetMeterProvider()
	}
	g, err := newGateway(b, r)
	if err != nil {
		b.closeListeners()
		return nil, err
	}
	return g, nil
}

func (b *Builder) closeListeners() {
	for _, ln := range b.given {
		ln.Close()
	}
	for _, l := range b.listeners {
		if l.ln != nil {
			l.ln.Close()
		}
	}
}

// checkApprovers reports rules that ask without anyone to ask.
func checkApprovers(policy []approve.Rule, approvers []approve.Approver) error {
	var errs []error
	names := map[string]bool{}
	for _, a := range approvers {
		if a.Name() == "" {
			errs = append(errs, errors.New("an approver has no name"))
		}
		if names[a.Name()] {
			errs = append(errs, fmt.Errorf("two approvers are called %q", a.Name()))
		}
		names[a.Name()] = true
	}
	for _, rule := range policy {
		if rule.Verdict != protocol.Ask {
			continue
		}
		if len(names) == 0 {
			errs = append(errs, fmt.Errorf("rule %q asks, but there is no approver", rule.Name))
			continue
		}
		for _, want := range rule.Approvers {
			if !names[want] {
				errs = append(errs, fmt.Errorf("rule %q asks %q, which is no approver of this gateway", rule.Name, want))
			}
		}
	}
	return errors.Join(errs...)
}

func (b *Builder) bind() {
	for _, l := range b.listeners {
		if l.ln != nil {
			continue
		}
		network := "tcp"
		if l.addr != "" && l.addr[0] == '/' {
			network = "unix"
		}
		ln, err := net.Listen(network, l.addr)
		if err != nil {
			b.fail(l.method, "%s: %w", l.addr, err)
			continue
		}
		l.ln = ln
	}
}
