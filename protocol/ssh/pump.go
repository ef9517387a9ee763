package ssh

import "io"

const (
	smallBuffer = 2 << 10  // of a stream that is mostly silent
	largeBuffer = 64 << 10 // of one that is not
)

// pump hands what comes from r to carry, until the stream ends or carry fails.
// The buffer grows when it is filled, so that the many sessions that wait for
// something to happen take little.
func pump(r io.Reader, carry func([]byte) error) error {
	buf := make([]byte, smallBuffer)
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
		if n == len(buf) && n < largeBuffer {
			buf = make([]byte, largeBuffer)
		}
	}
}
