package approve

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// Whatever a client calls its objects: what an allow rule covers, a deny rule
// of the same pattern hits, and a name in quotes is what it is without.
func FuzzObjectNames(f *testing.F) {
	f.Add("customers", "table", "public.customers", true)
	f.Add(`hr."Pay.Roll"`, "table", `hr."Pay.Roll"`, false)
	f.Add("table:a*?b", "function", "a\xff\u212ab", true)
	f.Add("/a/*", "path", "/a/../b", true)
	f.Add("0", "path", "0", true)
	f.Fuzz(func(t *testing.T, pattern, kind, name string, resolved bool) {
		p, err := NewPolicy(Rule{Name: "r", Objects: []string{pattern}})
		if err != nil {
			return
		}
		o := &p.deny[0].objects[0]
		obj := touch(nil, []protocol.Object{{Kind: kind, Name: name, Resolved: resolved}})
		if o.covers(&obj[0]) {
			require.NotEqual(t, miss, o.hits(&obj[0]))
		}
		if !strings.ContainsAny(name, `".`) && name != "" {
			quoted := touch(nil, []protocol.Object{{Kind: kind, Name: `"` + name + `"`, Resolved: resolved}})
			want := name
			if !isSQL(kind) { // whose quotes are part of the name
				want = `"` + name + `"`
			}
			require.Equal(t, want, quoted[0].name)
		}
	})
}
