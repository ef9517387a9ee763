package postgres

import (
	"slices"

	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// prepared is a prepared statement: what its text means, and what its
// parameters and rows look like once the target has said so. The queue's mutex
// guards what changes.
type prepared struct {
	text string
	stmt *sql.Statement
	// remark is why the text could not be judged by its meaning.
	remark string
	// expose is how its results are masked under guard.
	expose sql.Exposure
	guard  *guard
	// unfixed says that it runs a statement by name that can see what is masked.
	unfixed bool
	// types are the parameters' types: as the client set them, then as the
	// target described them. Zero is unknown.
	types []uint32
	// shape is nil until the target described the rows.
	shape *shape
	// bound is the shape in the formats of the last Bind: as a rule they are
	// the same each time.
	bound        *shape
	boundFormats []int16
	// last is the shape of the portal that was described last.
	last *shape
}

// size is about how many bytes of memory s takes. It does not change.
func (s *prepared) size() int { return 512 + len(s.text) }

// shapeAs returns the shape of the rows in the formats that a Bind asked for.
func (s *prepared) shapeAs(formats []int16) *shape {
	if s.bound == nil || !slices.Equal(formats, s.boundFormats) {
		s.bound, s.boundFormats = s.shape.as(formats), formats
	}
	return s.bound
}

// portal is a bound statement.
type portal struct {
	stmt    *prepared
	params  []param
	formats []int16 // of the results, as the client asked
	// shape is that of the rows, once known: the target has described this
	// portal. It is nil where there are no rows.
	shape *shape
	known bool
	// begun says that it has returned something: its shape stays.
	begun bool
	// cursor says that SQL's DECLARE made it.
	cursor bool
	// describedIn is the group of messages in which the client asked for it.
	describedIn uint64
	// ranIn is the group in which it was executed last.
	ranIn uint64
}

// fixed reports whether the portal's plan was made when it was bound. That of
// EXECUTE is made when it runs, and FETCH may find another cursor then.
func (p *portal) fixed() bool {
	switch p.stmt.stmt.Verb {
	case "execute", "fetch", "move":
		return false
	}
	return true
}

// cursor returns the portal that a DECLARE makes.
func (r *run) cursor() *portal {
	if r.inner == nil {
		return nil
	}
	return &portal{stmt: r.inner, cursor: true}
}

// size is about how many bytes of memory p takes. It does not change.
func (p *portal) size() int {
	n := 256
	for _, v := range p.params {
		n += 48 + len(v.value)
	}
	return n
}

// param is a bound parameter. Its value is a copy.
type param struct {
	value  []byte
	null   bool
	format int16
}

// bind copies what a Bind message says.
func bind(m wire.Bind, s *prepared) *portal {
	p := &portal{stmt: s}
	if n := m.Params.Len(); n > 0 {
		p.params = make([]param, 0, n)
		for v, ok := m.Params.Next(); ok; v, ok = m.Params.Next() {
			i := len(p.params)
			p.params = append(p.params, param{value: append([]byte(nil), v...), null: v == nil, format: m.ParamFormats.For(i)})
		}
	}
	for i := range m.ResultFormats.Len() {
		p.formats = append(p.formats, m.ResultFormats.At(i))
	}
	return p
}

// The most that a session's names may take: how many, and how many bytes of
// texts and parameters behind them.
const (
	maxNames     = 50_000
	maxNamesSize = 32 << 20
)

// full reports whether no further name may be given.
func (q *queue) full() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := &q.names
	return len(n.statements)+len(n.portals) >= maxNames || n.size >= maxNamesSize
}

// names is the namespace of prepared statements and portals as the target has
// it. A name that Parse binds counts from its ParseComplete on; until then it
// is known only to the batch that it came in: had the Parse failed, what is
// behind the name would be another statement.
type names struct {
	statements map[string]*prepared
	portals    map[string]*portal
	// size is about how many bytes of memory they take.
	size int
}

func newNames() names {
	return names{statements: map[string]*prepared{}, portals: map[string]*portal{}}
}

func (n *names) setStatement(name string, s *prepared) {
	if old := n.statements[name]; old != nil {
		n.size -= old.size()
	}
	if s == nil {
		delete(n.statements, name)
		return
	}
	n.statements[name] = s
	n.size += s.size()
}

func (n *names) setPortal(name string, p *portal) {
	if old := n.portals[name]; old != nil {
		n.size -= old.size()
	}
	if p == nil {
		delete(n.portals, name)
		return
	}
	n.portals[name] = p
	n.size += p.size()
}

// clearStatements forgets all statements but for the one without a name.
func (n *names) clearStatements() {
	for name := range n.statements {
		if name != "" {
			n.setStatement(name, nil)
		}
	}
}

func (n *names) clearPortals() {
	for name := range n.portals {
		n.setPortal(name, nil)
	}
}

// apply does to the names what a statement that succeeded has done at the
// target. The caller holds the queue's mutex.
func (n *names) apply(r *run) {
	switch r.stmt.Verb {
	case "prepare":
		n.setStatement(r.stmt.Name, r.inner)
	case "deallocate":
		if r.stmt.Name == "" {
			n.clearStatements()
		} else {
			n.setStatement(r.stmt.Name, nil)
		}
	case "declare":
		n.setPortal(r.stmt.Name, r.cursor())
	case "close":
		if r.stmt.Name == "" {
			n.clearPortals()
		} else {
			n.setPortal(r.stmt.Name, nil)
		}
	default:
		if r.stmt.Verb == "discard all" || r.renames {
			n.clearStatements()
			n.clearPortals()
		}
	}
}

// doubt forgets the names that a statement which failed may have changed all
// the same: prepared statements outlive a transaction that fails, and the last
// statement of a Query is not confirmed before its transaction is. code says
// why it failed.
func (n *names) doubt(r *run, code string) {
	switch code {
	case "25001", "25P02", codeNoStatement, codeNoPortal, codeUnsupported, "42601", "42P05", "55000":
		return // raised before anything was done
	}
	switch r.stmt.Verb {
	case "prepare":
		n.setStatement(r.stmt.Name, nil)
	case "declare":
		n.setPortal(r.stmt.Name, nil)
	default:
		n.apply(r)
	}
}
