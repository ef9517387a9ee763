package wire

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

const mask = `*** <&"'\> ***`

// maskTexts puts the mask in the place of every text of a body.
func maskTexts(t testing.TB, c sent) []byte {
	op := c.operation(t)
	return masked(t, c.Body, func(l Leaf) (Edit, bool) {
		return l.Edit(mask), !l.Key && l.Shape != nil && (l.Shape.Kind == model.String || l.Shape.Kind == model.Document && c.Body[l.Start] == '"')
	}, func(f func(Leaf) error) (Report, error) { return c.walk(t, op, c.Body, f) })
}

// TestMaskedAnswers has botocore parse answers whose texts were masked:
// everything else must be as it was.
func TestMaskedAnswers(t *testing.T) {
	var in bytes.Buffer
	enc := json.NewEncoder(&in)
	eachCase(t, func(c sent) {
		if !c.Answer || c.Wire == "smithy-rpc-v2-cbor" {
			return // Debian's botocore has no CBOR; TestMaskedCBOR has
		}
		require.NoError(t, enc.Encode(map[string]any{"Service": c.Service, "Op": c.Op, "Wire": c.Wire, "Headers": c.Headers, "Before": c.Body, "After": maskTexts(t, c)}))
	})
	cmd := exec.Command("/usr/bin/python3", "testdata/masked.py")
	cmd.Env, cmd.Stdin = quiet(t), &in
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	checked, err := strconv.Atoi(strings.TrimSpace(string(out)))
	require.NoError(t, err)
	require.Greater(t, checked, 200)
}

// TestMaskedCBOR does the same with another parser of CBOR, for requests too.
func TestMaskedCBOR(t *testing.T) {
	n := 0
	eachCase(t, func(c sent) {
		if c.Wire != "smithy-rpc-v2-cbor" || len(c.Body) == 0 {
			return
		}
		var before, after any
		require.NoError(t, cbor.Unmarshal(c.Body, &before))
		require.NoError(t, cbor.Unmarshal(maskTexts(t, c), &after))
		require.Equal(t, maskedTree(before), after, c.Op)
		n++
	})
	require.Greater(t, n, 10)
}

func maskedTree(v any) any {
	switch v := v.(type) {
	case string:
		return mask
	case []any:
		for i := range v {
			v[i] = maskedTree(v[i])
		}
	case map[any]any:
		for k := range v {
			v[k] = maskedTree(v[k])
		}
	}
	return v
}
