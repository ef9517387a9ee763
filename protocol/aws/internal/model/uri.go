package model

import (
	"errors"
	"fmt"
	"strings"
)

// pattern is a REST operation's URI: segments and what the query must have.
type pattern struct {
	segments []segment
	// query has the literal parts of the query, such as acl or list-type=2.
	query []literal
	slash bool // ends in a slash
}

type segment struct {
	literal string
	label   string // the member, where it is a label
	greedy  bool
}

type literal struct {
	key, value string
	any        bool // "acl" is there, with any value
}

// parsePattern reads "/{Bucket}/{Key+}?uploads". A slash at the end
// means little to AWS.
func parsePattern(uri string) (pattern, error) {
	var p pattern
	path, query, _ := strings.Cut(uri, "?")
	p.slash = strings.HasSuffix(path, "/")
	if path = strings.Trim(path, "/"); path != "" {
		for text := range strings.SplitSeq(path, "/") {
			inner, isLabel := strings.CutPrefix(text, "{")
			if !isLabel {
				if strings.ContainsAny(text, "{}") {
					return p, fmt.Errorf("URI %q: a label within a segment", uri)
				}
				p.segments = append(p.segments, segment{literal: text})
				continue
			}
			inner, closed := strings.CutSuffix(inner, "}")
			name, greedy := strings.CutSuffix(inner, "+")
			if !closed || name == "" {
				return p, fmt.Errorf("URI %q: a label that does not end", uri)
			}
			p.segments = append(p.segments, segment{label: name, greedy: greedy})
		}
	}
	if query == "" {
		return p, nil
	}
	for part := range strings.SplitSeq(query, "&") {
		key, value, has := strings.Cut(part, "=")
		if key == "" || strings.ContainsAny(part, "{}%+") {
			return p, errors.New("URI " + uri + ": a query that is no literal")
		}
		p.query = append(p.query, literal{key: key, value: value, any: !has})
	}
	return p, nil
}
