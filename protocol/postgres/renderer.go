package postgres

import (
	"io"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/render"
)

// Renderer makes the payload of recorded PostgreSQL sessions readable:
// results as tables, errors, notices and COPY data as lines. The zero value
// is ready for use.
type Renderer struct{}

var _ protocol.Renderer = Renderer{}

// Protocol returns "postgres".
func (Renderer) Protocol() string { return "postgres" }

// Render implements protocol.Renderer.
func (Renderer) Render(w io.Writer, kind string, shape, payload []byte) error {
	return render.Render(w, kind, shape, payload)
}
