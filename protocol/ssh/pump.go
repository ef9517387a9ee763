package ssh

import "io"

// Sizes of a stream's buffer.
const (
	smallBuffer  = 2 << 10   // of one that is mostly silent
	mediumBuffer = 64 << 10  // of one that is not
	largeBuffer  = 256 << 10 // of one that fills that: there is a part, and an event, for each

	calm = 64 // reads in a row that need no more than the small one, until it is that again
)

// pump hands what comes from r to carry, until the stream ends or carry fails.
// The buffer grows when it is filled, and shrinks when the stream is calm
// again, so that the many sessions that wait for something to happen take
// little.
func pump(r io.Reader, carry func([]byte) error) error {
	buf := make([]byte, smallBuffer)
	few := 0
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := carry(buf[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		if few++; n >= smallBuffer {
			few = 0
		}
		switch {
		case n == len(buf) && n < mediumBuffer:
			buf = make([]byte, mediumBuffer)
		case n == len(buf) && n < largeBuffer:
			buf = make([]byte, largeBuffer)
		case few >= calm && len(buf) > smallBuffer:
			buf = make([]byte, smallBuffer)
		}
	}
}
