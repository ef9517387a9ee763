package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/leaf"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// Plugin is the protocol; [New] makes it. It is safe for concurrent use and
// may serve several listeners.
type Plugin struct {
	config Config
	table  *model.Table
	leaves *leaf.Maker // nil without proxy mode
	broken error       // why table or leaves are not there
	guard  sigv4.Guard
	room   waitingRoom
	plans  sync.Map // of *plan, by *model.Operation

	requests, answers budget     // of memory, by access key
	pieces            *sync.Pool // of *pieces
	blocks            *sync.Pool // of *block
	places            places

	mu      sync.Mutex
	targets map[string]*upstream // by session id
}

var (
	_ protocol.Protocol  = (*Plugin)(nil)
	_ protocol.Validator = (*Plugin)(nil)
)

// New returns the plugin. Mistakes in c are reported when the gateway is built.
func New(c Config) *Plugin {
	p := &Plugin{config: c.withDefaults(), targets: map[string]*upstream{}, pieces: newPieces(), blocks: newBlocks(), places: make(places, largeBodies)}
	p.requests.limit, p.answers.limit = heldBodies*p.config.MaxBody, heldBodies*p.config.MaxBody
	p.table, p.broken = model.Default()
	if c.Authority != nil && p.broken == nil {
		if p.leaves, p.broken = leaf.New(*c.Authority); p.broken != nil {
			p.broken = fmt.Errorf("Config.Authority: %w", p.broken)
		}
	}
	return p
}

// Format implements fmt.Formatter, see [Config.Format].
func (p *Plugin) Format(f fmt.State, verb rune) { p.config.Format(f, verb) }

// Name returns "aws".
func (p *Plugin) Name() string { return "aws" }

// Validate implements protocol.Validator.
func (p *Plugin) Validate(targets []protocol.Target) error {
	errs := []error{p.broken, p.config.validate()}
	for _, t := range targets {
		if t.Database != "" {
			errs = append(errs, fmt.Errorf("target %q: Database means nothing to AWS; leave it empty", t.Name))
		}
		if len(t.Endpoints) > 0 && t.TLS.Mode == protocol.TLSDisable {
			errs = append(errs, fmt.Errorf("target %q: AWS is spoken to by TLS; TLSDisable is for targets of one address", t.Name))
		}
		if strings.HasPrefix(t.Address, "/") {
			errs = append(errs, fmt.Errorf("target %q: the address must be host:port", t.Name))
		}
	}
	return errors.Join(errs...)
}

// knownVerb returns an error for a verb that no service has.
func knownVerb(verb string) error {
	table, err := model.Default()
	if err != nil {
		return err
	}
	service, name, _ := strings.Cut(verb, ":")
	s, err := table.Service(service)
	if err != nil {
		return fmt.Errorf("%q: %w", verb, err)
	}
	if s.Operation(name) == nil {
		return fmt.Errorf("%q: %s has no such operation", verb, service)
	}
	return nil
}

// Serve implements protocol.Protocol.
func (p *Plugin) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	if p.broken != nil {
		return p.broken
	}
	c := &connection{p: p, gate: g}
	conn, err := c.enter(ctx, client)
	if err != nil {
		if _, ok := errors.AsType[turnedAway](err); !ok {
			g.Refused("", err)
		}
		return err
	}
	return c.serve(ctx, conn)
}
