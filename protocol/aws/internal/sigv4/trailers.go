package sigv4

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

const (
	maxTrailerBytes  = 16 << 10
	trailerSignature = "x-amz-trailer-signature"
)

// trailerReader reads the trailers that follow the last chunk.
type trailerReader struct {
	*chunked
	lines     []string // "name:value", name in lower case, value trimmed
	signature int      // where in the frame the signature of the trailers is
}

// read takes the trailers that were announced, all of them, and the empty line that ends them. Signed trailers have
// their signature as the last; the specification puts an empty line before it, where some clients have none and some
// end the line before it with a line feed alone.
func (t *trailerReader) read(signed bool) error {
	begin := len(t.frame)
	for {
		start := len(t.frame)
		line, err := t.line(maxTrailerBytes - (start - begin))
		if err != nil {
			return err
		}
		text, crlf := bytes.CutSuffix(line, []byte("\r\n"))
		if !crlf && !signed {
			return fmt.Errorf("%w: a trailer must end in CR LF", ErrFraming)
		}
		text = bytes.TrimSuffix(text, []byte("\n"))
		if len(text) == 0 {
			if signed {
				return t.signatureLine(begin)
			}
			return t.complete()
		}
		name, value, found := bytes.Cut(text, []byte(":"))
		if !found {
			return fmt.Errorf("%w: a trailer without a colon", ErrFraming)
		}
		lower := strings.ToLower(string(name))
		if signed && lower == trailerSignature {
			return t.signatureAt(start+len(name)+1, value, crlf)
		}
		if err := t.add(lower, value); err != nil {
			return err
		}
	}
}

// signatureLine follows an empty line.
func (t *trailerReader) signatureLine(begin int) error {
	start := len(t.frame)
	line, err := t.line(maxTrailerBytes - (start - begin))
	if err != nil {
		return err
	}
	text, crlf := bytes.CutSuffix(line, []byte("\r\n"))
	name, value, _ := bytes.Cut(text, []byte(":"))
	if strings.ToLower(string(name)) != trailerSignature {
		return fmt.Errorf("%w: the signature of the trailers must come after them", ErrFraming)
	}
	return t.signatureAt(start+len(name)+1, value, crlf)
}

func (t *trailerReader) signatureAt(at int, value []byte, crlf bool) error {
	if !crlf || len(value) != signatureHex {
		return fmt.Errorf("%w: the signature of the trailers is malformed", ErrFraming)
	}
	t.signature = at
	if err := t.complete(); err != nil {
		return err
	}
	return t.lineBreak()
}

func (t *trailerReader) add(name string, value []byte) error {
	if !slices.Contains(t.trailers, name) {
		return fmt.Errorf("%w: a trailer that X-Amz-Trailer didn't announce", ErrFraming)
	}
	if t.has(name) {
		return fmt.Errorf("%w: a trailer comes twice", ErrFraming)
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return fmt.Errorf("%w: a control character in a trailer", ErrFraming)
		}
	}
	t.lines = append(t.lines, name+":"+string(appendTrimmed(nil, string(value))))
	return nil
}

func (t *trailerReader) has(name string) bool {
	return slices.ContainsFunc(t.lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
}

func (t *trailerReader) complete() error {
	if len(t.lines) != len(t.trailers) {
		return fmt.Errorf("%w: a trailer that X-Amz-Trailer announced is missing", ErrFraming)
	}
	return nil
}

// canonical is the text that the signature of the trailers is made over.
func (t *trailerReader) canonical() []byte {
	slices.Sort(t.lines)
	var text []byte
	for _, l := range t.lines {
		text = append(append(text, l...), '\n')
	}
	return text
}
