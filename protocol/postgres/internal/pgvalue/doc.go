// Package pgvalue turns PostgreSQL's values into text.
//
// [Text] gives what the server prints for a value under its default settings
// (ISO dates, hex bytea, shortest floating point) in UTC and the C locale. It
// knows the built-in types by their identifiers, which never change; types
// that a database made itself, it does not.
//
// Values come from the wire and are not to be trusted: bounds are checked,
// and the text of a value stays below a MiB plus sixteen times the value's size.
package pgvalue
