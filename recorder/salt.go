package recorder

import "crypto/rand"

// saltSource hands out random salts, fetched many at a time.
type saltSource struct {
	buf  [256 * saltSize]byte
	left int
}

func (s *saltSource) next() *[saltSize]byte {
	if s.left == 0 {
		_, _ = rand.Read(s.buf[:]) // never fails: it ends the process instead
		s.left = len(s.buf)
	}
	s.left -= saltSize
	return (*[saltSize]byte)(s.buf[s.left:])
}
