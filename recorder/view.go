package recorder

import (
	"bytes"
	"fmt"
	"io"
)

// What a View remembers of shapes at most.
const (
	maxShapes     = 4096
	maxShapeBytes = 16 << 20
)

// View makes one session's payload readable. It is given the session's events
// in order, because parts refer to shapes that came before. It is for one
// goroutine.
type View struct {
	r      *Record
	proto  string
	shapes map[uint64][]byte
	order  []uint64 // of shapes, oldest first
	size   int
}

// View returns a View for a session.
func (r *Record) View() *View { return &View{r: r, shapes: make(map[uint64][]byte)} }

// Render writes e's payload for people to w, as lines of text, and nothing
// where e has none or none to show. Who shows it to people passes it through
// [protocol.Visible]. An error says why the payload cannot be shown; the View
// can go on.
func (v *View) Render(w io.Writer, e *Event) error {
	if e.Opened != nil {
		v.proto = e.Opened.Protocol
	}
	if e.Kind == KindAnnotation {
		if e.Note != nil && e.Note.Shape != 0 {
			v.keep(e.Note.Shape, e.Payload)
		}
		return nil
	}
	if e.Part == nil || len(e.Payload) == 0 || e.Part.Withheld {
		return nil
	}
	x := v.r.renderers[v.proto]
	if x == nil {
		return fmt.Errorf("%d bytes of %q: no renderer for protocol %q", len(e.Payload), e.Part.Kind, v.proto)
	}
	var shape []byte
	if e.Part.Shape != 0 {
		var ok bool
		if shape, ok = v.shapes[e.Part.Shape]; !ok {
			return fmt.Errorf("%d bytes of %q: shape %d is not known", len(e.Payload), e.Part.Kind, e.Part.Shape)
		}
	}
	return x.Render(w, e.Part.Kind, shape, e.Payload)
}

func (v *View) keep(shape uint64, payload []byte) {
	if old, ok := v.shapes[shape]; ok {
		v.size -= len(old)
	} else {
		v.order = append(v.order, shape)
	}
	v.shapes[shape] = bytes.Clone(payload)
	v.size += len(payload)
	for len(v.order) > 1 && (len(v.order) > maxShapes || v.size > maxShapeBytes) {
		v.size -= len(v.shapes[v.order[0]])
		delete(v.shapes, v.order[0])
		v.order = v.order[1:]
	}
}
