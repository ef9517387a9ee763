package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"time"
)

const (
	pieceSize = 512 << 10
	firstSize = 64 << 10 // of the buffers, until there is more at once
)

// Piece is what a [Reader] hands out: payload, and the bytes that carry it to the target. Both are borrowed: valid
// until the next call, or the one after it where the body has nothing to be proven ([Unsigned],
// [StreamingUnsignedTrailer]). Either may be empty: framing alone has no payload.
type Piece struct {
	Data []byte
	Wire []byte
}

// Resign says how signed chunks are signed for the target: with the credentials, in the scope and at the time that the
// request was signed with that carries them, from the signature that [Sign] returned. It prints without its secrets.
type Resign struct {
	SecretAccessKey string `json:"-"`
	Region, Service string
	Time            time.Time
	Seed            []byte `json:"-"`
}

// Format prints the scope alone, whatever the verb.
func (r Resign) Format(s fmt.State, _ rune) {
	_, _ = fmt.Fprint(s, "sigv4: chunks signed for ", scope(r.Time.UTC().Format(dateFormat), r.Region, r.Service))
}

// LogValue is the scope alone.
func (r Resign) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }

// Reader proves a body while it passes. Nothing that it hands out is unproven: a signed chunk comes out when its
// signature is right; of a body whose hash was signed at least the last byte, and up to 512 KiB, is held back until
// the hash is right; and the end of the framing comes out when everything is right, the length too, and nothing
// follows. So a target that waits for the whole never sees a body that is wrong as a complete one. Unsigned bodies
// have nothing to be proven but their framing and length.
//
// It uses at most 4 MiB (the largest signed chunk), else 1 MiB. It is for one goroutine. After an error it gives the
// same error for ever. Errors are [ErrMismatch], [ErrPayload], [ErrIncomplete] and [ErrFraming] for errors.Is, or
// the body's own.
type Reader struct {
	next func() (Piece, error)
	err  error
	rest []byte // what Read has not yet handed out
}

// NewReader reads the body of a request that was verified. Resign is for signed chunks and may be nil: then their
// pieces have no Wire. A body that is [Undeclared] must have been read before [Claim.Verify]: it is refused.
func NewReader(body io.Reader, c Claim, secret string, resign *Resign) *Reader {
	r := &Reader{}
	switch c.Payload {
	case Hashed:
		p := &plain{src: body, size: firstSize, sum: sha256.New(), want: c.PayloadHash[:]}
		r.next = p.next
	case Unsigned:
		p := &plain{src: body, size: firstSize}
		r.next = p.unproven
	case StreamingUnsignedTrailer:
		u := newChunked(body, c)
		r.next = u.nextUnsigned
	case StreamingSigned, StreamingSignedTrailer:
		s := &signedChunks{chunked: newChunked(body, c), in: chainOf(c, secret)}
		if resign != nil {
			s.out = resign.chain()
		}
		r.next = s.next
	default:
		r.err = errors.New("sigv4: this body is part of the signature of the head: read it before verifying")
	}
	return r
}

// Next gives the next piece, and [io.EOF] after the last.
func (r *Reader) Next() (Piece, error) {
	if r.err != nil {
		return Piece{}, r.err
	}
	p, err := r.next()
	if err != nil {
		r.err = err
		return Piece{}, err
	}
	return p, nil
}

// Read gives the payload alone, decoded. It is not to be mixed with Next.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 {
		piece, err := r.Next()
		if err != nil {
			return 0, err
		}
		r.rest = piece.Data
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// plain is a body without framing. Two buffers take turns: one is handed out when the other shows that it isn't the
// last.
type plain struct {
	src   io.Reader
	sum   hash.Hash // nil where no hash was signed, and nothing is held
	want  []byte
	bufs  [2][]byte
	held  []byte
	turn  int
	size  int // of the next buffer
	begun bool
	done  bool
}

func (p *plain) next() (Piece, error) {
	if p.done {
		return Piece{}, io.EOF
	}
	if !p.begun {
		p.begun = true
		held, err := p.fill()
		if err != nil {
			return Piece{}, err
		}
		p.held = held
	}
	out := p.held
	if len(out) > 0 {
		more, err := p.fill()
		if err != nil {
			return Piece{}, err
		}
		if p.held = more; len(more) > 0 {
			return Piece{Data: out, Wire: out}, nil
		}
	}
	p.done = true
	if !hmac.Equal(p.sum.Sum(nil), p.want) {
		return Piece{}, ErrPayload
	}
	if len(out) == 0 {
		return Piece{}, io.EOF
	}
	return Piece{Data: out, Wire: out}, nil
}

// unproven gives what comes as it comes.
func (p *plain) unproven() (Piece, error) {
	got, err := p.fill()
	if err == nil && len(got) == 0 {
		err = io.EOF
	}
	return Piece{Data: got, Wire: got}, err
}

// fill reads what comes at once, at least one byte unless the body has ended.
func (p *plain) fill() ([]byte, error) {
	if len(p.bufs[p.turn]) < p.size {
		p.bufs[p.turn] = make([]byte, p.size)
	}
	buf := p.bufs[p.turn]
	p.turn = 1 - p.turn
	n, err := readSome(p.src, buf)
	if n == len(buf) {
		p.size = pieceSize
	}
	if p.sum != nil {
		p.sum.Write(buf[:n])
	}
	return buf[:n], err
}

// readSome is one Read that gives something, or nothing at the end. An error that comes with bytes comes again.
func readSome(src io.Reader, buf []byte) (int, error) {
	for range 100 {
		n, err := src.Read(buf)
		switch {
		case n > 0:
			return n, nil
		case errors.Is(err, io.EOF):
			return 0, nil
		case err != nil:
			return 0, bodyError(err)
		}
	}
	return 0, io.ErrNoProgress
}

// bodyError is an error of the body, where an early end says what it is.
func bodyError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	return err
}
