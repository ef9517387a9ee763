package protocoltest

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// Plugin is what the kit needs to know. Operations are given as the adapted
// client understands them. All fields are required but those that say so.
type Plugin struct {
	// New returns the plugin, set up to log in to the target.
	New func() protocol.Protocol
	// Target starts a server, or returns one that runs. It must not be
	// changed by Write in a way that Read tells.
	Target func(t testing.TB) protocol.Target
	// Connect logs in on conn and returns the client. An error means that
	// the gateway did not let the client in.
	Connect func(ctx context.Context, conn net.Conn, user, token string) (Client, error)

	// Rules allow Read, Write, Large and the canaries, deny Denied and ask
	// about Asked.
	Rules []approve.Rule
	// Read returns something, the same each time.
	Read string
	// Write changes something, and may be repeated.
	Write string
	// Denied is denied by Rules.
	Denied string
	// Asked is asked about by Rules; approved, it succeeds.
	Asked string
	// Large returns a result of LargeBytes or more, which must be at least
	// four times Memory.
	Large      string
	LargeBytes int64
	// Memory is by how many bytes the heap of the test's process, garbage not
	// counted, may grow while Large runs; zero means 16 MiB.
	Memory int64
	// Unknown is a message that the protocol may have and the plugin does not
	// know, sent after the login. Not used where the client is an [Unknowner].
	Unknown []byte

	// Canary are operations whose results hold Secret, one for each form that
	// a result can take: text, binary, hex, an error, across packets, …
	Canary []string
	// Secret stands in the results of Canary, unless Masks hide it.
	Secret string
	// Masks hide Secret.
	Masks []mask.Rule

	// Patience is how long the kit waits for what must happen soon; zero
	// means 10 s.
	Patience time.Duration
	// Goodbye is what the plugin may send to leave a target whose session
	// failed, such as PostgreSQL's Terminate message. Optional.
	Goodbye []byte
	// Identify are authenticators of the plugin's own, such as one that knows
	// the credentials which it has handed out. They are asked after the kit's.
	// Optional.
	Identify []identity.Authenticator
	// Shared says that sessions belong to credentials and not to connections,
	// see protocol.Route: one outlives the target's connection, and for a
	// moment its last client's. Optional.
	Shared bool
	// Answers says that the transport to the target answers some messages by
	// itself, as SSH's does the close of a channel. What it sends while the
	// record is failing is let pass then, and nothing after that. Optional.
	Answers bool
}

// Client is a client of the plugin's protocol, adapted to the kit. It is used
// by one goroutine; Close may be called from another and at any time. A client
// that also is a [Pipeliner] has its pipelines checked.
type Client interface {
	// Do carries out one operation and returns its result. The error is what
	// the gateway or the target answered, or why there is no answer. It
	// returns soon after ctx has ended.
	Do(ctx context.Context, op string) ([]byte, error)
	// Drain is Do for results that are too large to keep: it returns how many
	// bytes the result had.
	Drain(ctx context.Context, op string) (int64, error)
	// Close closes the connection, without a goodbye.
	Close() error
}

// Unknowner is for clients of protocols in which a message cannot be sent as
// mere bytes, such as encrypted ones.
type Unknowner interface {
	// Unknown sends what the protocol may have and the plugin does not know, in
	// place of [Plugin.Unknown]. It returns nil once that was refused in the
	// protocol's own words.
	Unknown(ctx context.Context) error
}

// Pipeliner is for clients of protocols with pipelines.
type Pipeliner interface {
	// Pipeline sends all operations before it reads the first answer, such
	// that an error of one does not touch the others. There is one result for
	// each operation.
	Pipeline(ctx context.Context, ops []string) []Result
}

// Result is what [Client.Do] returns.
type Result struct {
	Value []byte
	Err   error
}

// validate returns what is missing.
func (p *Plugin) validate() error {
	var missing []string
	need := func(name string, there bool) {
		if !there {
			missing = append(missing, name)
		}
	}
	need("New", p.New != nil)
	need("Target", p.Target != nil)
	need("Connect", p.Connect != nil)
	need("Rules", len(p.Rules) > 0)
	need("Read", p.Read != "")
	need("Write", p.Write != "")
	need("Denied", p.Denied != "")
	need("Asked", p.Asked != "")
	need("Large", p.Large != "")
	need("Canary", len(p.Canary) > 0)
	need("Secret", len(p.Secret) >= 8)
	need("Masks", len(p.Masks) > 0)
	if len(missing) > 0 {
		return fmt.Errorf("protocoltest: Plugin lacks %s (Secret needs 8 bytes)", strings.Join(missing, ", "))
	}
	if p.LargeBytes < 4*p.memory() {
		return fmt.Errorf("protocoltest: LargeBytes is %d, which must be at least four times Memory (%d)", p.LargeBytes, p.memory())
	}
	return nil
}

func (p *Plugin) patience() time.Duration {
	if p.Patience > 0 {
		return p.Patience
	}
	return 10 * time.Second
}

func (p *Plugin) memory() int64 {
	if p.Memory > 0 {
		return p.Memory
	}
	return 16 << 20
}
