package wire

// Piece is a message, or a piece of one that is too large to be assembled.
type Piece struct {
	// Type is the message's type byte.
	Type byte
	// Raw is the bytes as they came, with the header where Offset is zero.
	// They are borrowed until the next Fill. Raw's capacity reaches over what
	// follows in the buffer, for [Join]: never append to it.
	Raw []byte
	// Offset is where Raw starts in the message.
	Offset int
	// Total is the length of the whole message, with type byte and length field.
	Total int

	whole bool
}

// Whole reports whether this is a message that was assembled whole. It
// depends on the message's type and length alone: a message over the bound of
// [Reader.Whole] isn't, even where all its bytes happen to be here.
func (p Piece) Whole() bool { return p.whole }

// First reports whether the message starts with this piece.
func (p Piece) First() bool { return p.Offset == 0 }

// Last reports whether the message ends with this piece.
func (p Piece) Last() bool { return p.Offset+len(p.Raw) == p.Total }

// Body returns what follows the header of a whole message, and nil for a piece.
func (p Piece) Body() []byte {
	if !p.whole {
		return nil
	}
	return p.Raw[HeaderSize:]
}

// Join extends run by raw where raw lies behind it in the same buffer, as the
// Raw of consecutive pieces between two Fills does. Otherwise it returns run
// as it is and false. An empty run becomes raw.
func Join(run, raw []byte) ([]byte, bool) {
	n := len(run)
	switch {
	case n == 0:
		return raw, true
	case len(raw) == 0:
		return run, true
	case cap(run)-n < len(raw) || &run[:n+1][n] != &raw[0]:
		return run, false
	}
	return run[:n+len(raw)], true
}
