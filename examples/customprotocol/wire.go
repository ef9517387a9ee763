package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Bounds of what is read before anyone has judged it.
const (
	maxWords = 1024
	maxHead  = 64 << 10  // of a command that is judged
	maxDrain = 512 << 20 // of a command that is refused; RESP's own bound
	maxLine  = 4 << 10
)

// errWire is the cause of every error of this file: what came is not RESP.
var errWire = errors.New("protocol error")

// readLine returns a line without its end. It is valid until the next read.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull) || len(line) > maxLine:
		return nil, fmt.Errorf("%w: a line is longer than %d bytes", errWire, maxLine)
	case err != nil:
		return nil, err
	case len(line) < 2 || line[len(line)-2] != '\r':
		return nil, fmt.Errorf("%w: a line does not end in CR LF", errWire)
	}
	return line[:len(line)-2], nil
}

// readCount reads a line of a type byte and a number, of which RESP has many.
func readCount(in *bufio.Reader, kind byte, limit int64) (int64, error) {
	line, err := readLine(in)
	if err != nil {
		return 0, err
	}
	if len(line) == 0 || line[0] != kind {
		return 0, fmt.Errorf("%w: expected %q; inline commands are not supported", errWire, kind)
	}
	return parseCount(line[1:], limit)
}

func parseCount(digits []byte, limit int64) (int64, error) {
	if len(digits) == 0 || len(digits) > 12 {
		return 0, fmt.Errorf("%w: not a length", errWire)
	}
	var n int64
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, fmt.Errorf("%w: not a length", errWire)
		}
		n = n*10 + int64(d-'0')
	}
	if n > limit {
		return 0, fmt.Errorf("%w: %d is more than %d", errWire, n, limit)
	}
	return n, nil
}

// readCommand reads a command: an array of bulk strings. A command over the
// cap is read to its end, so that the stream stays in step, and returned with
// its first words and long set; it takes no more memory than the cap.
func readCommand(in *bufio.Reader) (*command, error) {
	n, err := readCount(in, '*', maxWords)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fmt.Errorf("%w: an empty command", errWire)
	}
	c := &command{}
	for range n {
		size, err := readCount(in, '$', maxDrain)
		if err != nil {
			return nil, err
		}
		if c.size += size; c.size > maxDrain {
			return nil, fmt.Errorf("%w: a command of more than %d bytes", errWire, maxDrain)
		}
		if c.long = c.long || c.size > maxHead; c.long {
			if _, err := io.CopyN(io.Discard, in, size); err != nil {
				return nil, unexpected(err)
			}
		} else {
			word := make([]byte, size)
			if _, err := io.ReadFull(in, word); err != nil {
				return nil, unexpected(err)
			}
			c.words = append(c.words, word)
		}
		if err := readEnd(in); err != nil {
			return nil, err
		}
	}
	if len(c.words) > 0 && len(c.words[0]) <= 32 {
		c.name = string(bytes.ToLower(c.words[0]))
	}
	return c, nil
}

// readEnd reads the CR LF behind a bulk string.
func readEnd(in *bufio.Reader) error {
	var end [2]byte
	if _, err := io.ReadFull(in, end[:]); err != nil {
		return unexpected(err)
	}
	if end != [2]byte{'\r', '\n'} {
		return fmt.Errorf("%w: a string is longer than it said", errWire)
	}
	return nil
}

// unexpected tells an end in the middle from one between messages.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
