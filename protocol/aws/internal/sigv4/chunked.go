package sigv4

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	maxLine  = 1 << 10 // the line before a chunk
	maxChunk = 4 << 20 // a signed chunk, which must be held until it is proven
)

// chunked takes aws-chunked encoding apart. What it has read of the frame under way is in frame, byte by byte as it
// came.
type chunked struct {
	src      *bufio.Reader
	frame    []byte
	last     []byte // the frame before, which may be in use; not of signed chunks
	size     int    // of the next piece, at most
	left     int64  // of the chunk under way
	open     bool   // a chunk's data has ended, its line break is still to come
	total    int64  // payload announced by chunks so far
	decoded  int64  // what the head said of it; -1 where it said nothing
	trailers []string
	done     bool
}

func newChunked(body io.Reader, c Claim) chunked {
	return chunked{src: bufio.NewReaderSize(body, 16<<10), decoded: c.DecodedLength, trailers: c.Trailers, size: firstSize}
}

// turn begins a frame, in the place of the one before the last.
func (c *chunked) turn() { c.frame, c.last = c.last[:0], c.frame }

// nextUnsigned gives chunks piece by piece, however long they are: some clients send a whole object as one.
func (c *chunked) nextUnsigned() (Piece, error) {
	if c.done {
		return Piece{}, io.EOF
	}
	c.turn()
	if c.left == 0 {
		if c.open {
			if err := c.lineBreak(); err != nil {
				return Piece{}, err
			}
		}
		size, extension, err := c.sizeLine()
		if err != nil {
			return Piece{}, err
		}
		if len(extension) > 0 {
			return Piece{}, fmt.Errorf("%w: a chunk extension, but chunks are not signed", ErrFraming)
		}
		if size == 0 {
			return c.lastUnsigned()
		}
		c.left, c.open = size, true
	}
	start := len(c.frame)
	most := int(min(c.left, int64(c.size)))
	c.frame = slices.Grow(c.frame, most)
	n, err := readSome(c.src, c.frame[start:start+most])
	if err != nil {
		return Piece{}, err
	}
	if n == 0 {
		return Piece{}, early(io.ErrUnexpectedEOF)
	}
	if n == c.size {
		c.size = pieceSize
	}
	c.left -= int64(n)
	c.frame = c.frame[:start+n]
	return Piece{Data: c.frame[start:], Wire: c.frame}, nil
}

func (c *chunked) lastUnsigned() (Piece, error) {
	t := trailerReader{chunked: c}
	if err := t.read(false); err != nil {
		return Piece{}, err
	}
	if err := c.finish(); err != nil {
		return Piece{}, err
	}
	return Piece{Wire: c.frame}, nil
}

// finish holds that all has come that was announced, and nothing else.
func (c *chunked) finish() error {
	if c.decoded >= 0 && c.total != c.decoded {
		return fmt.Errorf("%w: %d bytes came and %d were announced", ErrIncomplete, c.total, c.decoded)
	}
	if _, err := c.src.ReadByte(); err == nil {
		return fmt.Errorf("%w: bytes after the end", ErrFraming)
	} else if !errors.Is(err, io.EOF) {
		return bodyError(err)
	}
	c.done = true
	return nil
}

// sizeLine reads the line before a chunk, up to its line break, and counts the chunk.
func (c *chunked) sizeLine() (size int64, extension []byte, err error) {
	line, err := c.line(maxLine)
	if err != nil {
		return 0, nil, err
	}
	line, found := bytes.CutSuffix(line, []byte("\r\n"))
	if !found {
		return 0, nil, fmt.Errorf("%w: a chunk's size must end in CR LF", ErrFraming)
	}
	digits, extension, _ := bytes.Cut(line, []byte(";"))
	if len(digits) == 0 || len(digits) > 16 {
		return 0, nil, fmt.Errorf("%w: a chunk's size must have 1 to 16 hexadecimal digits", ErrFraming)
	}
	for _, d := range digits {
		v := unhex(d)
		if v < 0 || size > maxDecoded {
			return 0, nil, fmt.Errorf("%w: a chunk's size is not a hexadecimal number, or too large", ErrFraming)
		}
		size = size<<4 | int64(v)
	}
	limit := int64(maxDecoded)
	if c.decoded >= 0 {
		limit = c.decoded
	}
	if size > limit-c.total {
		return 0, nil, fmt.Errorf("%w: more came than was announced", ErrIncomplete)
	}
	c.total += size
	if len(line) > len(digits) && len(extension) == 0 {
		return 0, nil, fmt.Errorf("%w: an empty chunk extension", ErrFraming)
	}
	return size, extension, nil
}

// line reads up to a line feed and appends all of it to the frame.
func (c *chunked) line(limit int) ([]byte, error) {
	line, err := c.src.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > limit {
		return nil, fmt.Errorf("%w: a line longer than %d bytes", ErrFraming, limit)
	}
	if err != nil {
		return nil, early(err)
	}
	start := len(c.frame)
	c.frame = append(c.frame, line...)
	return c.frame[start:], nil
}

// lineBreak reads the one that ends a chunk's data, and appends it to the frame.
func (c *chunked) lineBreak() error {
	var b [2]byte
	if _, err := io.ReadFull(c.src, b[:]); err != nil {
		return early(err)
	}
	if b != [2]byte{'\r', '\n'} {
		return fmt.Errorf("%w: a chunk is longer than its size", ErrFraming)
	}
	c.frame = append(c.frame, b[:]...)
	return nil
}

// early is the error of a body that has ended before its end.
func early(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return bodyError(err)
}

// signedChunks gives whole chunks, each when its signature is proven.
type signedChunks struct {
	chunked
	in  *chain
	out *chain // nil where nothing is to be forwarded
}

func (s *signedChunks) next() (Piece, error) {
	if s.done {
		return Piece{}, io.EOF
	}
	s.frame = s.frame[:0]
	size, extension, err := s.sizeLine()
	if err != nil {
		return Piece{}, err
	}
	if size > maxChunk {
		return Piece{}, fmt.Errorf("%w: a signed chunk larger than %d bytes", ErrFraming, maxChunk)
	}
	given, found := bytes.CutPrefix(extension, []byte("chunk-signature="))
	if !found || len(given) != signatureHex {
		return Piece{}, fmt.Errorf("%w: a chunk without its chunk-signature", ErrFraming)
	}
	start := len(s.frame)
	signature := start - len("\r\n") - signatureHex
	for left := int(size); left > 0; {
		n := min(left, pieceSize)
		s.frame = slices.Grow(s.frame, n)
		end := len(s.frame)
		if _, err := io.ReadFull(s.src, s.frame[end:end+n]); err != nil {
			return Piece{}, early(err)
		}
		s.frame = s.frame[:end+n]
		left -= n
	}
	sum := sha256.Sum256(s.frame[start:])
	if !hmac.Equal(s.in.chunk(sum), s.frame[signature:signature+signatureHex]) {
		return Piece{}, fmt.Errorf("a chunk of the body: %w", ErrMismatch)
	}
	if s.out != nil {
		copy(s.frame[signature:], s.out.chunk(sum))
	}
	if size == 0 {
		return s.last()
	}
	if err := s.lineBreak(); err != nil {
		return Piece{}, err
	}
	return s.piece(start, start+int(size)), nil
}

// last is what follows the chunk of length zero.
func (s *signedChunks) last() (Piece, error) {
	t := trailerReader{chunked: &s.chunked}
	if s.in.trailers {
		if err := t.read(true); err != nil {
			return Piece{}, err
		}
		text := t.canonical()
		if !hmac.Equal(s.in.trailer(text), s.frame[t.signature:t.signature+signatureHex]) {
			return Piece{}, fmt.Errorf("the trailers of the body: %w", ErrMismatch)
		}
		if s.out != nil {
			copy(s.frame[t.signature:], s.out.trailer(text))
		}
	} else if err := s.lineBreak(); err != nil {
		return Piece{}, err
	}
	if err := s.finish(); err != nil {
		return Piece{}, err
	}
	return s.piece(0, 0), nil
}

func (s *signedChunks) piece(from, to int) Piece {
	p := Piece{Data: s.frame[from:to]}
	if s.out != nil {
		p.Wire = s.frame
	}
	return p
}
