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
// SELECT … FOR UPDATE and EXPLAIN without ANALYZE count as Read. EXECUTE counts
// as everything, since what it runs is not in its text: who knows the prepared
// statement judges that one. What PREPARE and DECLARE hold counts for them.
//
// The parser's stack is small and its overflow goes unnoticed, so nesting is
// bounded before a text is given to it, by an estimate that a test holds
// against the parser. A parser that panics must show that it still reads a
// known text; one that does not, or that hangs, is given up, and everything
// counts as everything until the process is restarted (see [Parser.Ready]).
//
// # What text cannot tell
//
// Judging sees the text alone, not the catalog. Unqualified function names
// that PostgreSQL brings along count as PostgreSQL's own, although a schema in
// front of pg_catalog in search_path, or an overload that fits better, can put
// another function there. Operators, casts, defaults, triggers, rules, row
// security policies and the bodies of views may call functions that the text
// does not show. Who lets clients create such things (their effects are Code)
// should not expect later statements to be innocent. Cascades and triggers can
// touch tables that the text does not name. Where the target's version is not
// 17, a text that only one of the two understands counts as everything or fails
// at the target; functions of versions up to 18 count as PostgreSQL's own.
//
// Texts are read with standard_conforming_strings on. Where a session turns it
// off, use [Parser.ParseUnsure]. Encodings other than UTF-8 whose multibyte
// characters hold quotes or backslashes (SJIS, GBK, BIG5) must be refused by
// the caller.
package sql
