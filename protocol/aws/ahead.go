package aws

import (
	"io"
	"sync/atomic"
)

// readAhead is how much of a body is read while its call waits for a person.
const readAhead = 256 << 10

// ahead reads the beginning of a body in advance, so that it is noticed when
// the client of a waiting call leaves: net/http looks at a connection again
// only once the body on it was read. It is for one reader, and one start.
type ahead struct {
	io.ReadCloser
	begun bool
	stop  atomic.Bool
	done  chan struct{} // closed when nothing is read in advance any more
	buf   []byte        // what was; before done, the reader's in the background
	err   error         // that it ended with
}

// start begins to read in the background.
func (a *ahead) start() {
	a.begun, a.done = true, make(chan struct{})
	go func() {
		defer close(a.done)
		piece := make([]byte, 16<<10)
		for !a.stop.Load() && a.err == nil && len(a.buf) < readAhead {
			var n int
			n, a.err = a.ReadCloser.Read(piece)
			a.buf = append(a.buf, piece[:n]...)
		}
	}()
}

// whole reports whether all of the body has come.
func (a *ahead) whole() bool {
	if !a.begun {
		return false
	}
	select {
	case <-a.done:
		return a.err == io.EOF
	default:
		return false
	}
}

// Read implements io.Reader.
func (a *ahead) Read(b []byte) (int, error) {
	if a.begun {
		a.stop.Store(true)
		<-a.done
		if len(a.buf) > 0 {
			n := copy(b, a.buf)
			a.buf = a.buf[n:]
			return n, nil
		}
		if a.err != nil {
			return 0, a.err
		}
	}
	return a.ReadCloser.Read(b)
}
