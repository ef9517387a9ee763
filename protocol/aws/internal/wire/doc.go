// Package wire reads and writes what AWS's clients and services say to each
// other: it takes requests, responses and events apart into named leaves,
// puts other values in the place of some of them, and words denials as each
// protocol words its own errors.
//
// There is one scanner for each format: JSON, XML, CBOR, forms, and the parts
// of an HTTP message that the REST protocols use. A scanner is led by the
// shapes of the model, but drops nothing that the model lacks: such a value is
// a leaf without a shape, and the report counts it. Each leaf says where its
// token stands in the body, so that Rewrite changes that token and nothing
// else.
//
// Every byte is hostile. Scanners refuse what parsers read differently (text
// that is not UTF-8, a DTD, an unclosed element), go MaxDepth deep at most,
// and allocate by what they have seen, never by a length that is claimed.
//
// The functions are safe for concurrent use. Nothing keeps the body or hands
// out parts of it, except where it is said.
package wire
