package protocoltest

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/sallyport/sallyport/protocol/protocoltest.leaveRoutine"))
}

func TestToyPasses(t *testing.T) { Run(t, toyPlugin("")) }

// Each fault must be found, by the check that is there for it.
func TestFaultsAreFound(t *testing.T) {
	for fault, want := range map[string][2]string{
		letsAnyoneIn:   {"stranger is turned away", "was let in"},
		leaksToken:     {"stranger is turned away", "the token is in the record"},
		saysNoRefusal:  {"stranger is turned away", "call Gate.Refused"},
		forwardsFirst:  {"recorded before it is forwarded", "before \"get it\" was recorded"},
		ignoresRecord:  {"recorded before it is forwarded", "after the record had failed"},
		readsOnce:      {"split anywhere it is the same", "alone"},
		readsOnceBack:  {"split anywhere it is the same", "target's stream alone"},
		deniesAtOnce:   {"denials come in order", "of a row"},
		deniesUnnamed:  {"denials come in order", "does not name the operation"},
		deniesByClose:  {"denials come in order", "fails"},
		doesNotLookOut: {"client gone while it is asked about", "the question stands"},
		forwardsAsked:  {"approval is waited for", "reached the target while"},
		claimsSuccess:  {"target gone in the middle of a result", "the record says \"ok\""},
		keepsWaiting:   {"target gone in the middle of a result", "waits for ever"},
		buffersResults: {"large result in little memory", "the heap grew by"},
		passesUnknown:  {"unknown message is refused", "of an unknown message reached"},
		dropsUnknown:   {"unknown message is refused", "is not answered"},
		masksNothing:   {"canary is never seen", "to the client, as plain text"},
		masksPlainOnly: {"canary is never seen", "as hex"},
		masksTooLate:   {"canary is never seen", "in the record"},
		leavesRoutines: {"approval is waited for", "left goroutines behind"},
		endsSlowly:     {"session ends within a second", "still there"},
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			p := toyPlugin(fault)
			p.Patience = 2 * time.Second
			failed := try(t, want[0], p)
			assert.Contains(t, failed, want[1])
		})
	}
}

func TestPluginThatProvesNothing(t *testing.T) {
	p := toyPlugin("")
	p.Canary = []string{"get it"}
	assert.Contains(t, try(t, "canary is never seen", p), "proves nothing")
	p = toyPlugin("")
	p.LargeBytes = 1 << 20
	assert.Contains(t, try(t, "canary is never seen", p), "at least four times Memory")
	p.Canary, p.Secret = nil, "short"
	assert.Contains(t, try(t, "canary is never seen", p), "Plugin lacks Canary, Secret")
}

// try runs one check against a TB of its own and returns what it reported.
func try(t *testing.T, name string, p Plugin) string {
	t.Helper()
	for _, c := range Checks() {
		if c.Name != name {
			continue
		}
		f := &fake{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			scoped(f, func(t testing.TB) { c.Run(t, p) })
		}()
		<-done
		return strings.Join(f.said(), "\n")
	}
	require.Fail(t, "no such check", name)
	return ""
}

// fake keeps what is reported to it.
type fake struct {
	testing.TB
	mu   sync.Mutex
	list []string
}

func (f *fake) said() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list
}

func (f *fake) Helper()      {}
func (f *fake) Failed() bool { return len(f.said()) > 0 }

func (f *fake) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(f.list, fmt.Sprintf(format, args...))
}

func (f *fake) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}
