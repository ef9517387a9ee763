package proxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/protocol"
)

// TestOperationKeysAreThoseOfTheirParts holds the way without intermediate
// lists to the function that plugins use.
func TestOperationKeysAreThoseOfTheirParts(t *testing.T) {
	for _, text := range []string{"", "select 1", strings.Repeat("x", 5000)} {
		op := protocol.Operation{Verb: "query", Text: text, Params: []protocol.Param{
			{Name: "$1", Value: "a"}, {Name: "$2", Raw: []byte{0, 1}}, {Name: "$3", Null: true},
		}}
		want := protocol.OperationKey([]byte("query"), []byte(text),
			[]byte("$1"), []byte("a"), nil, []byte("$2"), nil, []byte{0, 1}, []byte("$3"), nil, nil)
		assert.Equal(t, want, operationKey(&op))
		op.Key = []byte("its own")
		assert.Equal(t, op.Key, operationKey(&op))
	}
}
