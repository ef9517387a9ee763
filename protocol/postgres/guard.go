package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// guard is what must not be seen of one target, as its catalog had it: which
// columns of which relations, and which relations derive from them. It does
// not change. A nil guard guards nothing.
type guard struct {
	// columns are the masked columns by relation and attribute number.
	columns map[uint32]map[int16]mask.Method
	// derived are relations, such as views, that read a masked table: all
	// their columns are hidden.
	derived map[uint32]bool
	// lastAttr is the highest attribute number of the relations in columns:
	// a column above it came later.
	lastAttr map[uint32]int16
	// quotes are columns of the system's own relations that quote others.
	quotes map[uint32]map[int16]bool
	// names is the same by name, for judging statements.
	names *sql.Guard
	// newest is the largest relation number there was: what is above came later.
	newest uint32
	read   time.Time
}

// knows reports whether a column of a result was there when the guard was made.
func (g *guard) knows(c wire.Column) bool {
	last, masked := g.lastAttr[c.Table]
	return c.Table <= g.newest && (!masked || c.Attr <= last)
}

// method returns how a column is hidden, nil for not at all.
func (g *guard) method(c wire.Column) mask.Method {
	if g.derived[c.Table] || g.quotes[c.Table][c.Attr] {
		return mask.Full()
	}
	return g.columns[c.Table][c.Attr]
}

func (g *guard) expose(s *sql.Statement) sql.Exposure {
	if g == nil {
		return sql.Exposure{}
	}
	return s.Expose(g.names)
}

// guardAge is how old a guard may be before the catalog is read again: others
// may have created a view meanwhile.
const guardAge = 30 * time.Second

// guards keeps a session's guard in step with the masks and the catalog.
type guards struct {
	s  *session
	mu sync.Mutex // held while the catalog is read
	// masks is the set that guard was made for.
	masks *mask.Set
	guard *guard
	on    atomic.Bool // there is a guard
}

// newGuards reads the catalog over the connection that the session will use,
// which is idle still, and checks what rules and masks rely on.
func newGuards(ctx context.Context, s *session, server *login.Server) (*guards, error) {
	g := &guards{s: s, masks: s.gate.Masks()}
	claims := s.gate.Claims()
	if len(g.masks.Columns()) == 0 && len(claims) == 0 {
		return g, nil
	}
	c, err := s.catalog(ctx, server.Conn)
	if err != nil {
		return nil, err
	}
	if err := c.check(claims); err != nil {
		return nil, err
	}
	g.guard, err = c.guard(g.masks)
	g.on.Store(g.guard != nil)
	return g, err
}

// active reports whether any column is masked.
func (g *guards) active() bool { return g.on.Load() }

// current returns the guard for the masks now in force.
func (g *guards) current(ctx context.Context) (*guard, error) {
	masks := g.s.gate.Masks()
	g.mu.Lock()
	defer g.mu.Unlock()
	if masks == g.masks && (g.guard == nil || time.Since(g.guard.read) < guardAge) {
		return g.guard, nil
	}
	return g.read(ctx, masks)
}

// cover returns a guard that knows the columns that rows come from: old
// itself, or a new one if a relation or a column is younger.
func (g *guards) cover(old *guard, s *shape) (*guard, error) {
	for _, c := range s.columns {
		if !old.knows(c) {
			g.mu.Lock()
			defer g.mu.Unlock()
			if g.guard != nil && g.guard.knows(c) {
				return g.guard, nil
			}
			return g.read(g.s.gate.Context(), g.s.gate.Masks())
		}
	}
	return old, nil
}

// read reads the catalog over a connection of its own: the session's may be
// in a transaction that has failed, or sees the past. The caller holds mu.
func (g *guards) read(ctx context.Context, masks *mask.Set) (*guard, error) {
	if len(masks.Columns()) == 0 {
		g.masks, g.guard = masks, nil
		g.on.Store(false)
		return nil, nil
	}
	server, err := g.s.login(ctx, targetParams(g.s.gate.ID(), nil))
	if err != nil {
		return nil, err
	}
	defer server.Conn.Close()
	c, err := g.s.catalog(ctx, server.Conn)
	if err != nil {
		return nil, err
	}
	next, err := c.guard(masks)
	if err != nil {
		return nil, err
	}
	g.masks, g.guard = masks, next
	g.on.Store(true)
	return next, nil
}

// missing is the failure of a session whose rules or masks name what the
// target lacks: a typo must not unmask.
func missing(what []string) error {
	return &protocol.Failure{
		Public: "the gateway's rules name objects that the target does not have; its operator must correct them",
		Err:    fmt.Errorf("missing at the target: %s", strings.Join(what, ", ")),
	}
}
