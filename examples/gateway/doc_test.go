package main

import (
	"encoding"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tags returns the names of all fields that a YAML file may have.
func tags(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return tags(t.Elem())
	case reflect.Struct:
		if t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return nil
		}
		var list []string
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("yaml"); name != "" {
				list = append(append(list, name), tags(t.Field(i).Type)...)
			}
		}
		return list
	}
	return nil
}

// gateway.yaml promises to explain every field.
func TestEveryFieldIsExplained(t *testing.T) {
	for file, of := range map[string]any{"gateway.yaml": config{}, "tokens.yaml": tokenConfig{}, "ssh-keys.yaml": sshMembersConfig{}} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		fields := tags(reflect.TypeOf(of))
		require.NotEmpty(t, fields)
		for _, name := range fields {
			assert.Regexp(t, `(?m)^[ #-]*`+name+`:`, string(text), "%s does not explain %s", file, name)
		}
	}
}

func names(t *testing.T, file, pattern string) []string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	require.NotEmpty(t, list)
	slices.Sort(list)
	return slices.Compact(list)
}

// docs/operating.md lists the metrics that there are, and the fields of limits.
func TestOperatingIsTrue(t *testing.T) {
	const doc = "../../docs/operating.md"
	assert.Equal(t, names(t, "../../proxy/metrics.go", `"(sallyport\.[a-z.]+)"`), names(t, doc, "(?m)^\\| `(sallyport\\.[a-z.]+)` \\|"))
	documented := names(t, doc, "(?m)^\\| `([a-z_]+)` \\| `[A-Z]")
	for _, name := range slices.Concat(tags(reflect.TypeFor[limitsConfig]()), tags(reflect.TypeFor[postgresConfig]()), tags(reflect.TypeFor[sshConfig]())) {
		assert.Contains(t, documented, name)
	}
}
