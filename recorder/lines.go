package recorder

import (
	"bytes"
	"errors"
	"io"
)

// lineReader reads lines of bounded length.
type lineReader struct {
	r    io.Reader
	off  int64 // behind the last line returned
	buf  []byte
	at   int
	done bool
}

// next returns the next line behind one spare byte and without its newline.
// io.EOF stands for the end, also where a line lacks its newline.
func (l *lineReader) next(longest int) ([]byte, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.at:], '\n'); i >= 0 {
			line := append([]byte{0}, l.buf[l.at:l.at+i]...)
			l.at += i + 1
			l.off += int64(i + 1)
			if i > longest {
				return nil, errLongLine
			}
			return line, nil
		}
		if len(l.buf)-l.at > longest {
			return nil, errLongLine
		}
		if l.done {
			return nil, io.EOF
		}
		rest := copy(l.buf, l.buf[l.at:])
		if cap(l.buf) == 0 {
			l.buf = make([]byte, 0, 64<<10)
		}
		n, err := l.r.Read(l.buf[rest:cap(l.buf)])
		l.buf, l.at = l.buf[:rest+n], 0
		if errors.Is(err, io.EOF) {
			l.done = true
		} else if err != nil {
			return nil, err
		}
	}
}

var errLongLine = errors.New("the line is too long")

// left returns how many bytes were read behind the last line.
func (l *lineReader) left() int { return len(l.buf) - l.at }

// drop gives up the rest.
func (l *lineReader) drop() { l.buf, l.at, l.done = l.buf[:0], 0, true }
