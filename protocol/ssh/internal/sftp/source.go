package sftp

import (
	"context"
	"errors"
	"io"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

const (
	firstBuffer = 8 << 10
	// mostBuffer is how much is gathered at most; a whole packet fits.
	mostBuffer = 512 << 10
	// buffers is how many there are: one is filled, so that an end shows early,
	// one waits, one is forwarded, one is digested.
	buffers = 4
)

// source reads a stream ahead, by a buffer, and cuts it into batches of whole
// packets. Its buffers grow with what comes.
type source struct {
	ctx   context.Context
	r     io.Reader
	ended func() // called once when no more can be read

	batches chan []byte // whole packets; closed at the end
	free    chan []byte // buffers that were dealt with
	err     error       // why it ended; io.EOF in order. Set before batches closes.
}

func newSource(ctx context.Context, r io.Reader, ended func()) *source {
	s := &source{ctx: ctx, r: r, ended: ended, batches: make(chan []byte, 1), free: make(chan []byte, buffers)}
	for range buffers {
		s.free <- nil
	}
	return s
}

func (s *source) start() { go s.run() }

func (s *source) run() {
	s.err = s.read()
	close(s.batches)
	s.ended()
}

// next returns the next batch. It ends with io.EOF, or the error of the
// stream, or the cause of the context.
func (s *source) next() ([]byte, error) {
	select {
	case b, ok := <-s.batches:
		if !ok {
			return nil, s.err
		}
		return b, nil
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

// done gives a batch back.
func (s *source) done(b []byte) { s.free <- b }

func (s *source) read() error {
	var rest []byte // the beginning of a packet, in the buffer before
	size := firstBuffer
	for {
		buf, err := s.buffer(size)
		if err != nil {
			return err
		}
		n, whole := copy(buf, rest), 0
		for whole == 0 {
			var want int
			if whole, want, err = cut(buf[:n]); err != nil {
				return err
			}
			if whole > 0 {
				break
			}
			if want > len(buf) {
				grown := make([]byte, want)
				copy(grown, buf[:n])
				buf = grown
			}
			if n, err = s.fill(buf, n); err != nil {
				return err
			}
		}
		switch {
		case n == len(buf):
			size = min(2*len(buf), mostBuffer)
		case n < size/8 && size > firstBuffer:
			size /= 2
		}
		rest = buf[whole:n]
		select {
		case s.batches <- buf[:whole]:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// buffer returns a buffer that was dealt with, or another where it is too small
// or much too large.
func (s *source) buffer(size int) ([]byte, error) {
	select {
	case b := <-s.free:
		size = max(size, firstBuffer)
		if b = b[:cap(b)]; len(b) >= size && len(b) <= 8*size {
			return b, nil
		}
		return make([]byte, size), nil
	case <-s.ctx.Done():
		return nil, context.Cause(s.ctx)
	}
}

// fill reads more behind the n bytes that are in buf.
func (s *source) fill(buf []byte, n int) (int, error) {
	for range 100 {
		m, err := s.r.Read(buf[n:])
		switch {
		case m > 0:
			return n + m, nil
		case errors.Is(err, io.EOF) && n > 0:
			return n, errTorn
		case err != nil:
			return n, err
		}
	}
	return n, io.ErrNoProgress
}

var errTorn = errors.New("sftp: the stream ended inside a packet")

// cut returns how many bytes of b are whole packets, and how many must be
// there for the first one where there is none. What is wrong behind whole
// packets shows when they are gone.
func cut(b []byte) (whole, want int, err error) {
	for {
		p, want, err := wire.Next(b[whole:])
		switch {
		case p != nil:
			whole += len(p)
		case whole > 0:
			return whole, 0, nil
		default:
			return 0, want, err
		}
	}
}
