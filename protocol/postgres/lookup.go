package postgres

import (
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// overlay is the names that the messages since the last Sync have changed, as
// they will be if all goes well. A nil value is a name that was closed.
type overlay struct {
	statements map[string]*prepared
	portals    map[string]*portal
	// What was there before is gone.
	statementsGone, portalsGone bool
}

func (o *overlay) reset() {
	clear(o.statements)
	clear(o.portals)
	o.statementsGone, o.portalsGone = false, false
}

// dropStatements forgets all statements, those from before too, but for the
// one without a name: SQL has no way to it.
func (o *overlay) dropStatements() {
	for name := range o.statements {
		if name != "" {
			delete(o.statements, name)
		}
	}
	o.statementsGone = true
}

func (o *overlay) dropPortals() {
	clear(o.portals)
	o.portalsGone = true
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

// maxName is how many bytes of a name the target looks at (NAMEDATALEN - 1).
const maxName = 63

// nameOf returns the name of a statement or portal as the target will have
// it, which cuts it without a word. False means that where it cuts depends on
// its encoding, and so cannot be known.
func nameOf(name []byte) (string, bool) {
	weight := 0
	for _, c := range name[:min(len(name), maxName)] {
		if weight++; c >= utf8.RuneSelf {
			weight++ // no encoding of a server takes more than twice what UTF-8 does
		}
	}
	if weight > maxName {
		return "", false
	}
	return string(name[:min(len(name), maxName)]), true
}

// statement returns what is behind a statement's name for a message that is
// sent now, nil where there is no such statement. Where an earlier batch
// changes the name and the target has not confirmed that, it waits.
func (f *frontend) statement(name string) (*prepared, error) {
	if s, ok := f.seen.statements[name]; ok {
		return s, nil
	}
	if f.seen.statementsGone && name != "" {
		return nil, nil
	}
	if err := f.settle(name, 'S'); err != nil {
		return nil, err
	}
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	return f.queue.names.statements[name], nil
}

// portal is statement for portals.
func (f *frontend) portal(name string) (*portal, error) {
	if p, ok := f.seen.portals[name]; ok {
		return p, nil
	}
	if f.seen.portalsGone {
		return nil, nil
	}
	if err := f.settle(name, 'P'); err != nil {
		return nil, err
	}
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	return f.queue.names.portals[name], nil
}

// settle waits for the target if it still owes the answer to a change of name.
func (f *frontend) settle(name string, kind byte) error {
	if !f.queue.unsettled(name, kind) {
		return nil
	}
	_, err := f.queue.drained()
	return err
}

func (q *queue) unsettled(name string, kind byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, e := range q.waiting() {
		switch e.kind {
		case wire.TypeParse:
			if kind == 'S' && e.name == name {
				return true
			}
		case wire.TypeBind:
			if kind == 'P' && e.name == name {
				return true
			}
		case wire.TypeClose:
			if e.target == kind && e.name == name {
				return true
			}
		case wire.TypeExecute, wire.TypeQuery:
			for _, r := range e.runs {
				if changesNames(r) {
					return true
				}
			}
		}
	}
	return false
}

// changesNames reports whether a statement can change what is behind the name
// of a prepared statement or a portal.
func changesNames(r *run) bool {
	switch r.stmt.Verb {
	case "prepare", "deallocate", "discard all", "declare", "close":
		return true
	}
	return r.renames
}

// couldRename reports whether a text that was not understood could change
// names: no way to write these words does without their letters.
func couldRename(text string) bool {
	text = strings.ToLower(text)
	for _, word := range []string{"prepare", "deallocate", "discard", "declare", "close"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// foresee notes how a statement that is about to run changes the names, for
// the statements that come with it.
func (f *frontend) foresee(r *run) {
	switch r.stmt.Verb {
	case "prepare":
		f.seen.setStatement(r.stmt.Name, r.inner)
	case "deallocate":
		if r.stmt.Name == "" {
			f.seen.dropStatements()
		} else {
			f.seen.setStatement(r.stmt.Name, nil)
		}
	case "declare":
		f.seen.setPortal(r.stmt.Name, r.cursor())
	case "close":
		if r.stmt.Name == "" {
			f.seen.dropPortals()
		} else {
			f.seen.setPortal(r.stmt.Name, nil)
		}
	default:
		if r.stmt.Verb == "discard all" || r.renames {
			f.seen.dropStatements()
			f.seen.dropPortals()
		}
	}
}
