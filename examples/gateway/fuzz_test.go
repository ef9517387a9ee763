package main

import (
	"testing"
)

// Whatever stands in a file, it is read or complained about.
func FuzzLoad(f *testing.F) {
	f.Add(minimal)
	f.Add("name: &a [*a, {b: !!str 1}]\n---\n<<: x\n")
	f.Add("rules:\n- {name: \"\\u202e\", effects: [read, x], objects: ['']}\nmasks: {columns: [{column: 'a.b', method: keep, keep: 1}]}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := load(write(t, t.TempDir(), "g.yaml", text), false)
		if (s == nil) != (err != nil) {
			t.Fatal(s, err)
		}
	})
}
