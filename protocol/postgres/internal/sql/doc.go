// Package sql judges PostgreSQL statements by their parsed meaning: what they
// may do ([Statement.Effects]), what they touch ([Statement.Objects]), and
// what of protected columns could come out of them ([Statement.Expose]).
//
// The grammar is PostgreSQL's own, of version 17, compiled to WebAssembly.
// With the build tag pgquery_cgo the same grammar is linked natively through
// cgo: a tenth of the memory and no warm-up.
//
// # Promises
//
// [Parser.Parse] never fails: a text that does not parse, is too long, too
// deeply nested, not UTF-8, or comes while the parser is not available is one
// statement with [protocol.Everything] as its effects and a Remark that says
// why. So is a statement or expression of a kind that this package does not
// know. What a caller gets is shared and must not be changed.
//
// # What text cannot tell
//
// Judging sees the text alone, not the catalog. Unqualified function names
// that PostgreSQL brings along count as PostgreSQL's own, although a schema in
// front of pg_catalog in search_path, or an overload that fits better, can put
// another function there. Operators, casts, defaults, triggers, rules, row
// security policies and the bodies of views may call functions that the text
// does not show. Who lets clients create such things (their effects are Code)
// should not expect later statements to be innocent.
//
// Texts are read with standard_conforming_strings on. Where a session turns it
// off, use [Parser.ParseBackslash]. Encodings other than UTF-8 whose multibyte
// characters hold quotes or backslashes (SJIS, GBK, BIG5) must be refused by
// the caller.
package sql
