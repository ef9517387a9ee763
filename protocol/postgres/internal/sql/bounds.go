package sql

import "strconv"

// bounds returns where a statement of several stands in its text, without the
// white space and comments around it.
func bounds(raw *value, text string) (start, end int) {
	start, _ = strconv.Atoi(raw.text("stmt_location"))
	n, _ := strconv.Atoi(raw.text("stmt_len"))
	end = start + n
	if n == 0 {
		end = len(text)
	}
	if start < 0 || start > end || end > len(text) {
		return 0, len(text)
	}
	l := lexer{s: text[:end], i: start}
	first := l.next()
	last := first
	for t := first; t.kind != tokEnd; t = l.next() {
		last = t
	}
	if first.kind == tokEnd {
		return start, end
	}
	return first.start, last.end
}
