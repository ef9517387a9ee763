package proxy

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Gateway is a built gateway. Its methods are safe for concurrent use.
type Gateway struct {
	name      string
	run       string // different for every run, part of session ids
	key       []byte // keys the digests of this run
	log       recorder.Log
	rules     atomic.Pointer[rules]
	admitter  Admitter
	updating  sync.Mutex
	approvers []approve.Approver
	observe   bool
	outlive   bool // sessions may outlive their principal's proof
	listeners []*listener
	limits    Limits
	logger    *slog.Logger
	metrics   *metrics
	tls       *tls.Config
	own       *ownSession

	serving   sync.WaitGroup
	connCount atomic.Int64
	conns     connSet
	draining  atomic.Bool
	served    atomic.Bool
	closeOnce sync.Once

	mu       sync.Mutex
	counter  uint64
	sessions map[string]*session
	joins    map[joinKey]*session // those that connections share
	barred   barred
	controls map[[32]byte]control
}

func newGateway(b *Builder, r *rules) (*Gateway, error) {
	g := &Gateway{
		name: b.name, run: strings.ToLower(rand.Text()[:10]), key: []byte(rand.Text()), log: b.log, approvers: b.approvers,
		observe: b.observe, outlive: b.outlive, listeners: b.listeners, limits: b.limits.withDefaults(),
		logger:   b.logger.With("gateway", b.name),
		sessions: map[string]*session{}, joins: map[joinKey]*session{}, barred: barred{}, controls: map[[32]byte]control{},
	}
	var err error
	if g.admitter, err = chain(b.chain); err != nil {
		return nil, err
	}
	m, err := newMetrics(b.meter)
	if err != nil {
		return nil, fmt.Errorf("Meter: %w", err)
	}
	g.metrics = m
	g.rules.Store(r)
	g.tls = &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if c := g.rules.Load().certificate; c != nil {
				return c, nil
			}
			return nil, errors.New("the gateway has no certificate")
		},
	}
	g.own = &ownSession{gw: g, id: g.name + "-" + g.run + "-0"}
	return g, nil
}

// Addrs returns the addresses the gateway listens on, in the order of the
// Listen calls.
func (g *Gateway) Addrs() []net.Addr {
	list := make([]net.Addr, len(g.listeners))
	for i, l := range g.listeners {
		list[i] = l.ln.Addr()
	}
	return list
}

// Serve records the start, serves until ctx ends, then drains: it takes no
// more connections, ends sessions as they become idle, and those that are not
// by Limits.Drain. It returns nil after a drain in order. A gateway serves once.
func (g *Gateway) Serve(ctx context.Context) error {
	if g.served.Swap(true) {
		return errors.New("proxy: Serve was called twice")
	}
	defer g.Close()
	if err := g.own.open(ctx); err != nil {
		return fmt.Errorf("proxy: cannot record the start: %w", err)
	}
	g.announce()
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var work sync.WaitGroup
	for _, l := range g.listeners {
		if r, ok := l.proto.(protocol.Readier); ok {
			work.Go(func() {
				if err := warm(run, r); err != nil && run.Err() == nil {
					g.logger.Error("protocol did not warm up", "protocol", l.proto.Name(), "error", err)
				}
			})
		}
		work.Go(func() { _ = g.accept(run, l) })
	}
	work.Go(func() { g.watch(run) })

	<-ctx.Done()
	g.drain()
	stop()
	g.Close()
	work.Wait()
	left := g.waitForConns()
	if err := g.own.close("shut down"); err != nil {
		return fmt.Errorf("proxy: cannot record the stop: %w", err)
	}
	if left != nil {
		return left
	}
	g.logger.Info("gateway stopped")
	return nil
}

// warm is r.Ready, with a panic as an error.
func warm(ctx context.Context, r protocol.Readier) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panicked: %v", p)
		}
	}()
	return r.Ready(ctx)
}

// announce logs what a reader of the log must know about this gateway.
func (g *Gateway) announce() {
	r := g.rules.Load()
	for _, l := range g.listeners {
		for _, t := range l.targets {
			g.logger.Info("gateway listens", "address", l.ln.Addr().String(), "protocol", l.proto.Name(),
				"target", t.Name, "target_address", t.Address)
			if t.TLS.Mode == protocol.TLSDisable && !localAddress(t.Address) {
				g.logger.Warn("the connection to a target is not encrypted", "target", t.Name, "target_address", t.Address)
			}
		}
	}
	if r.policy == nil {
		g.logger.Warn("AllowAll: every operation is allowed; nothing is judged")
	}
	if g.observe {
		g.logger.Warn("Observe: the policy is recorded but not enforced")
	}
	if g.outlive {
		g.logger.Warn("OutliveExpiry: sessions go on after their credentials have expired")
	}
	if d := g.log.Durability(); d != "durable" {
		g.logger.Warn("operations are carried out before they are on disk", "durability", d)
	}
}

func localAddress(address string) bool {
	if strings.HasPrefix(address, "/") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close closes the listeners of a gateway that will not serve. Serve calls it
// itself.
func (g *Gateway) Close() error {
	g.closeOnce.Do(func() {
		for _, l := range g.listeners {
			l.ln.Close()
		}
	})
	return nil
}

// Ready returns nil if the gateway can do its work now: the record takes
// events, the protocols are warm, the targets accept connections. It waits for
// those that are about to be until ctx ends.
func (g *Gateway) Ready(ctx context.Context) error {
	errs := []error{}
	if g.draining.Load() {
		errs = append(errs, errors.New("the gateway is shutting down"))
	}
	if err := g.log.Ready(); err != nil {
		errs = append(errs, fmt.Errorf("record: %w", err))
	}
	for _, l := range g.listeners {
		if r, ok := l.proto.(protocol.Readier); ok {
			if err := r.Ready(ctx); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", l.proto.Name(), err))
			}
		}
		for _, t := range l.targets {
			conn, err := dial(ctx, t, t.Address, g.limits.Dial)
			if err != nil {
				errs = append(errs, fmt.Errorf("target %s: %w", t.Name, err))
				continue
			}
			conn.Close()
		}
	}
	return errors.Join(errs...)
}

// SessionInfo is a session as [Gateway.Sessions] lists it.
type SessionInfo struct {
	ID        string    `json:"id"`
	Protocol  string    `json:"protocol"`
	Principal string    `json:"principal"`
	Target    string    `json:"target"`
	Remote    string    `json:"remote"`
	Opened    time.Time `json:"opened"`
	// Operations counts those begun so far; Open those under way.
	Operations uint64 `json:"operations"`
	Open       int    `json:"open"`
	// Waiting names the operations that wait for a person.
	Waiting []string `json:"waiting,omitempty"`
}

// Sessions lists the open sessions, oldest first.
func (g *Gateway) Sessions() []SessionInfo {
	g.mu.Lock()
	list := make([]SessionInfo, 0, len(g.sessions))
	for _, s := range g.sessions {
		list = append(list, s.info())
	}
	g.mu.Unlock()
	slices.SortFunc(list, func(a, b SessionInfo) int {
		return cmp.Or(a.Opened.Compare(b.Opened), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// End ends the session with that id within a second; the client is told
// reason. It reports whether there was such a session.
func (g *Gateway) End(id, reason string) bool {
	g.mu.Lock()
	s := g.sessions[id]
	g.mu.Unlock()
	if s == nil {
		return false
	}
	s.logger.Info("session is ended by the operator", "reason", reason)
	g.bar(s)
	s.end(&protocol.Failure{Public: "the session was ended by the operator: " + reason, Err: protocol.ErrEnded})
	return true
}

func (g *Gateway) admitConn() bool {
	n := g.connCount.Add(1)
	if g.limits.Connections > 0 && n > int64(g.limits.Connections) {
		g.connCount.Add(-1)
		return false
	}
	return true
}

func (g *Gateway) leaveConn() { g.connCount.Add(-1) }
