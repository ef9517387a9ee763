package command

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// FuzzParse holds what must be true of the judgement of any text.
func FuzzParse(f *testing.F) {
	for _, c := range judgements {
		f.Add(c.line, false)
	}
	for _, e := range evasions {
		f.Add(e.line, true)
	}
	f.Fuzz(func(t *testing.T, text string, terminal bool) {
		start := time.Now()
		l := Parse(text, terminal)
		require.Less(t, time.Since(start), 5*time.Second, "%q", text)
		sound(t, text, l)
		if !utf8.ValidString(text) || hidden(text) != "" || len(text) > MaxLength {
			require.Equal(t, protocol.Everything, l.Effects, "%q", text)
		}
		// A terminal makes nothing less, and neither does what stands behind.
		require.True(t, Parse(text, true).Effects.Has(Parse(text, false).Effects), "%q", text)
		if l.Verb != Exec && l.Verb != Shell {
			require.False(t, l.Effects.Has(protocol.Everything), "%q", text)
			require.NotEmpty(t, l.Objects)
		}
	})
}
