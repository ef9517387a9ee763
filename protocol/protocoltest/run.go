package protocoltest

import (
	"os"
	"testing"
)

// Check is one thing that a plugin must hold.
type Check struct {
	// Name says what it is.
	Name string
	run  func(testing.TB, *Plugin)
}

// Run tries the check on a plugin and reports what is wrong to t. It must be
// called from the goroutine of the test.
func (c Check) Run(t testing.TB, p Plugin) {
	t.Helper()
	if err := p.validate(); err != nil {
		t.Fatalf("%v", err)
	}
	c.run(t, &p)
}

// Checks returns all checks, in the order in which [Run] tries them.
func Checks() []Check {
	return []Check{
		{"stranger is turned away", stranger},
		{"recorded before it is forwarded", recordFails},
		{"split anywhere it is the same", split},
		{"denials come in order", denials},
		{"approval is waited for", approvals},
		{"client gone while it is asked about", clientGone},
		{"target gone in the middle of a result", targetGone},
		{"large result in little memory", large},
		{"unknown message is refused", unknown},
		{"canary is never seen", canary},
		{"session ends within a second", ended},
	}
}

// Run tries every check on a plugin, as a subtest of its own.
func Run(t *testing.T, p Plugin) {
	t.Helper()
	if err := p.validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) { c.Run(t, p) })
	}
}

// soak reports whether checks that sample are to try everything.
func soak() bool { return os.Getenv("SALLYPORT_SOAK") != "" }

// scoped runs f with a TB whose cleanups run when f returns, so that a check
// may start one gateway after another.
func scoped(t testing.TB, f func(testing.TB)) {
	t.Helper()
	s := &scope{TB: t}
	defer s.end()
	f(s)
}

type scope struct {
	testing.TB
	cleanups []func()
}

// Cleanup implements testing.TB.
func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }

func (s *scope) end() {
	for len(s.cleanups) > 0 {
		f := s.cleanups[len(s.cleanups)-1]
		s.cleanups = s.cleanups[:len(s.cleanups)-1]
		f()
	}
}
