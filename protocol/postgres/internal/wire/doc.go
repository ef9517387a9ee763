// Package wire frames and decodes PostgreSQL's protocol, version 3.
//
// [Reader] cuts a byte stream into [Piece]s over one buffer: messages that fit
// come whole, larger ones in consecutive pieces, so that memory stays flat
// whatever a length field claims. The parsers read the bodies of whole
// messages; they check every bound, refuse bytes that are left over, and
// return slices that borrow from the body. The Append functions encode what a
// gateway itself sends.
//
// Everything here takes its input for hostile: no input panics, and nothing
// is allocated for a length before bytes of that length are there. Errors are
// [*FormatError] and hold no content of the message.
package wire
