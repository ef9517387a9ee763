package command

import (
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// nestings repeat what nests, with what has to stand in front, and what closes it.
var nestings = map[string][3]string{
	"(": {"", "(", ")"}, "( spaced": {"", "( ", " )"}, "$(": {"", "$(", ")"}, "quoted $(": {"", `"$(`, `)"`}, "{": {"", "{ ", ";}"}, "`": {"", "`", "`"}, "escaped `": {"", "\\`", "\\`"},
	"${": {"", "${x:-", "}"}, "quoted ${": {"", `"${x:-`, `}"`}, "$((": {"", "$((", "))"}, "((": {"", "((", "))"}, "$[": {"", "$[", "]"}, "${a[": {"", "${a[", "]}"}, "<(": {"", "cat <(", ")"},
	"if": {"", "if ", "; then x; fi"}, "then": {"", "if x; then ", "; fi"}, "elif": {"if x; then x; ", "elif x; then x; ", ""}, "while": {"", "while ", "; do x; done"}, "for": {"", "for i in x; do ", "; done"},
	"case": {"", "case x in x) ", ";; esac"}, "function": {"", "function f ", ""}, "f()": {"", "f() ", ""}, "f(){": {"", "f(){ ", ";}"}, "!": {"", "! ", ""}, "time": {"", "time ", ""}, "coproc": {"", "coproc ", ""},
	"&&": {"", "a&&", "a"}, "||": {"", "a||", "a"}, "|": {"", "a|", "a"}, ";": {"", "a;", ""}, "newline": {"", "a\n", ""}, "&": {"", "a&", ""}, "minus": {"((", "-", "1))"}, "plus": {"((", "1+", "1))"}, "?:": {"((", "1?1:", "1))"}, "comma": {"((", "1,", "1))"},
	"**": {"((", "2**", "1))"}, "=": {"((", "a=", "1))"}, "[[ !": {"[[ ", "! ", "x ]]"}, "[[ (": {"[[ ", "( ", ")"}, "[[ &&": {"[[ ", "a && ", "a ]]"}, "array": {"", "a=(", ")"}, "subscript": {"", "a[", "]"}, "<<": {"", "<<a ", ""}, ">": {"", ">a ", ""},
	"quotes": {"", `"`, ""}, "dollar quotes": {"", "$'a'", ""}, "braces": {"echo ", "{a,", "}"}, "extglob": {"echo ", "@(", ")"}, "word": {"echo ", "a", ""}, "words": {"echo ", "a ", ""}, "assignments": {"", "a=b ", ""}, "backslashes": {"echo ", `\`, ""},
	"sh -c": {"", "sh -c ", "ls"}, "eval": {"", "eval ", "ls"}, "sudo": {"", "sudo ", "ls"}, "env": {"", "env ", "ls"}, "xargs": {"", "xargs ", "ls"}, "find": {"", "find . -exec ", "ls"}, "commands": {"", "ls a b c; ", ""}, "paths": {"ls ", "/a/../", ""}, "cd": {"", "cd a; ", "cat x"},
}

// TestNesting holds the parser and the walk to a small stack and little time,
// whatever nests how deeply.
func TestNesting(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(8 << 20)) // beyond it the process dies
	for name, n := range nestings {
		for _, levels := range []int{3, 50, MaxLength / (len(n[1]) + len(n[2]))} {
			levels = min(levels, (MaxLength-len(n[0])-len(n[2]))/(len(n[1])+len(n[2])))
			for _, text := range []string{n[0] + strings.Repeat(n[1], levels) + strings.Repeat(n[2], levels), n[0] + strings.Repeat(n[1], levels)} {
				start := time.Now()
				l := Parse(text, false)
				assert.Less(t, time.Since(start), 30*time.Second, name) // far above what a loaded machine takes: it bounds what explodes
				sound(t, name, l)
			}
		}
	}
}

// TestDeepIsEverything: what is too deep to be looked at is not let through.
func TestDeepIsEverything(t *testing.T) {
	for _, n := range []int{maxDepth, 2000, 20000} {
		text := strings.Repeat("(", n) + "ls" + strings.Repeat(")", n)
		l := Parse(text, false)
		require.Equal(t, protocol.Everything, l.Effects)
		require.Contains(t, l.Remark, "nested too deeply")
	}
	l := Parse(strings.Repeat("( ", 20)+"ls"+strings.Repeat(" )", 20), false)
	require.Equal(t, read, l.Effects)
}

func TestLength(t *testing.T) {
	long := "ls " + strings.Repeat("a", MaxLength-3)
	assert.Equal(t, read, Parse(long, false).Effects)
	assert.Equal(t, protocol.Everything, Parse(long+"a", false).Effects)
	// Texts within texts are bounded together.
	many := strings.Repeat("sh -c 'ls'; ", MaxLength/12)
	sound(t, "many shells", Parse(many, false))
	deep := "ls"
	for range 3 {
		deep = "sh -c '" + strings.ReplaceAll(deep, "'", `'\''`) + "'"
	}
	assert.Equal(t, read, Parse(deep, false).Effects)
	for range 3 {
		deep = "sh -c '" + strings.ReplaceAll(deep, "'", `'\''`) + "'"
	}
	assert.Equal(t, protocol.Everything, Parse(deep, false).Effects)
}
