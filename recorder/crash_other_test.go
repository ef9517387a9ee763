//go:build !linux

package recorder

// runChild is for the tests that need signals and limits; see crash_test.go.
func runChild() {}
