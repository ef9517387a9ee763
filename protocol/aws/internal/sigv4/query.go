package sigv4

import (
	"fmt"
	"slices"
	"strings"
)

// pair is one parameter of a query, encoded as it is signed.
type pair struct {
	name, value string
	bare        bool // came without "="
}

// parseQuery takes a query apart and encodes each part anew, in the one way that is signed.
func parseQuery(raw string) ([]pair, error) {
	if len(raw) > maxQuery {
		return nil, fmt.Errorf("%w: the query is longer than %d bytes", ErrMalformed, maxQuery)
	}
	n := strings.Count(raw, "&")
	if n >= maxPairs {
		return nil, fmt.Errorf("%w: the query has more than %d parameters", ErrMalformed, maxPairs)
	}
	if raw == "" {
		return nil, nil
	}
	pairs := make([]pair, 0, min(n+1, 16))
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, found := strings.Cut(part, "=")
		name, err := recode(name)
		if err != nil {
			return nil, err
		}
		value, err = recode(value)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{name: name, value: value, bare: !found})
	}
	return pairs, nil
}

func appendCanonicalQuery(dst []byte, pairs []pair) []byte {
	if !slices.IsSortedFunc(pairs, comparePairs) {
		pairs = slices.Clone(pairs)
		slices.SortFunc(pairs, comparePairs)
	}
	for i, p := range pairs {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst
}

func comparePairs(a, b pair) int {
	if n := strings.Compare(a.name, b.name); n != 0 {
		return n
	}
	return strings.Compare(a.value, b.value)
}

func recode(s string) (string, error) {
	if isUnreserved(s) {
		return s, nil
	}
	decoded, err := decode(s, true)
	if err != nil {
		return "", err
	}
	return string(appendEncoded(nil, decoded, false)), nil
}
