// Package wire reads and writes the packets of the SSH File Transfer Protocol,
// version 3 (draft-ietf-secsh-filexfer-02), with the extensions of OpenSSH
// (its file PROTOCOL, section 4).
//
// It works on bytes and does no input or output. [Next] cuts a stream into
// packets; [DecodeRequest] and [DecodeResponse] read one, bounded by its length
// and without allocating; the Append functions write. What was decoded points
// into the packet and is valid as long as the packet is.
//
// Decoding is strict: a packet that is shorter or longer than what it says is
// in it, or that has attributes which version 3 does not define, is
// [ErrMalformed]. What is decoded and appended again is the same bytes.
package wire
