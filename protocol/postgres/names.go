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
	// refuse is why it came at a time when it cannot be judged.
	refuse string
	// expose is how its results are masked under guard.
	expose sql.Exposure
	guard  *guard
	// types are the parameters' types: as the client set them, then as the
	// target described them. Zero is unknown.
	types []uint32
	// shape is nil until the target described the rows.
	shape *shape
	// bound is the shape in the formats of the last Bind: as a rule they are
	// the same each time.
	bound        *shape
	boundFormats []int16
	// described says that a Describe of it was sent.
	described bool
}

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
	// shape is that of the rows in these formats; nil until the target
	// described the portal or the statement.
	shape     *shape
	described bool
}

// param is a bound parameter. Its value is a copy.
type param struct {
	value  []byte
	null   bool
	format int16
}

// overlay is the names that the messages since the last Sync have changed, as
// they will be if all goes well. A nil value is a name that was closed.
type overlay struct {
	statements map[string]*prepared
	portals    map[string]*portal
	allGone    bool // the names from before are gone
}

func (o *overlay) reset() {
	clear(o.statements)
	clear(o.portals)
	o.allGone = false
}

// dropAll forgets all names, those from before too.
func (o *overlay) dropAll() {
	o.reset()
	o.allGone = true
}

func (o *overlay) setStatement(name string, s *prepared) {
	if o.statements == nil {
		o.statements = map[string]*prepared{}
	}
	o.statements[name] = s
}

func (o *overlay) setPortal(name string, p *portal) {
	if o.portals == nil {
		o.portals = map[string]*portal{}
	}
	o.portals[name] = p
}

// maxNames bounds how many prepared statements, and how many portals, a
// session may have.
const maxNames = 50_000

// statement returns what is behind a statement's name for a message that is
// sent now. Where an earlier batch changes the name and the target has not
// confirmed that, it waits. False means that there is no such statement.
func (f *frontend) statement(name []byte) (*prepared, bool, error) {
	if s, ok := f.seen.statements[string(name)]; ok {
		return s, s != nil, nil
	}
	if f.seen.allGone {
		return nil, false, nil
	}
	if err := f.settle(name, 'S'); err != nil {
		return nil, false, err
	}
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	s, ok := f.queue.names.statements[string(name)]
	return s, ok, nil
}

// portal is statement for portals.
func (f *frontend) portal(name []byte) (*portal, bool, error) {
	if p, ok := f.seen.portals[string(name)]; ok {
		return p, p != nil, nil
	}
	if f.seen.allGone {
		return nil, false, nil
	}
	if err := f.settle(name, 'P'); err != nil {
		return nil, false, err
	}
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	p, ok := f.queue.names.portals[string(name)]
	return p, ok, nil
}

// settle waits for the target if it still owes the answer to a change of name.
func (f *frontend) settle(name []byte, kind byte) error {
	if !f.unsettled(name, kind) {
		return nil
	}
	if !f.queue.drained() {
		return errSessionOver
	}
	return nil
}

func (f *frontend) unsettled(name []byte, kind byte) bool {
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	for _, e := range f.queue.waiting() {
		switch e.kind {
		case wire.TypeParse:
			if kind == 'S' && e.name == string(name) {
				return true
			}
		case wire.TypeBind:
			if kind == 'P' && e.name == string(name) {
				return true
			}
		case wire.TypeClose:
			if e.target == kind && e.name == string(name) {
				return true
			}
		case wire.TypeExecute, wire.TypeQuery:
			for _, r := range e.runs {
				if changesNames(r.stmt) {
					return true
				}
			}
		}
	}
	return false
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
