// Package mask says what must not be seen, and hides it.
//
// There are two kinds of [Rule]. A column rule ([Columns]) hides the values of
// a named column of a target's table, by a [Method]; plugins apply it by the
// column that a value really comes from, never by the name it is shown under.
// A detector ([Secrets], [Personal], [Pattern]) hides what looks like a secret
// or personal data wherever it stands: results, parameters, statement text.
//
// Detectors replace what they find with as many asterisks as it had bytes, so
// that they work inside binary formats too: no length changes.
//
// Values are looked at whole by [Set.Redact]; a text that comes in pieces, such
// as the output of a command, by a [Stream].
//
// Rules are compiled once by [New]; the resulting [Set] does not change and is
// safe for concurrent use.
package mask
