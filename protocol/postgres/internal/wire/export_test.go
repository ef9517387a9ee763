package wire

// BufferSize shows tests how much a Reader holds.
func BufferSize(r *Reader) int { return len(r.buf) }
