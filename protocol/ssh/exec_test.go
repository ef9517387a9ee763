package ssh_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
)

func TestExec(t *testing.T) {
	r := start(t, options{})
	got := r.ssh("echo out; echo err >&2; exit 3")
	assert.Equal(t, result{"out\n", "err\n", 3}, got)
	op := r.Record.Operation(t, "echo out; echo err >&2; exit 3")
	assert.Equal(t, "exec", op.Verb)
	assert.Equal(t, &protocol.Outcome{Result: protocol.Failed, Code: "3"}, op.Outcome)
	assert.Contains(t, string(op.Output), "out\n")
	assert.Contains(t, string(op.Output), "err\n")
}

func TestDenied(t *testing.T) {
	r := start(t, options{rules: []approve.Rule{
		{Name: "all", Verdict: protocol.Allow},
		{Name: "no-shells", Verdict: protocol.Deny, Verbs: []string{"shell"}, Reason: "agents get exec, not shells"},
	}})
	got := r.ssh("bash")
	assert.Equal(t, 126, got.code)
	assert.Empty(t, got.stdout)
	assert.Regexp(t, `^sallyport: denied by rule "no-shells": agents get exec, not shells \(operation \S+\)\n$`, got.stderr)
	require.Equal(t, protocol.Refused, r.Record.Operation(t, "bash").Outcome.Result)
	assert.Equal(t, result{"still here\n", "", 0}, r.ssh("echo still here"))
}
