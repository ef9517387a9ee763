package protocoltest_test

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol/protocoltest"
)

// What a plugin has passed when Run has.
func ExampleChecks() {
	for _, c := range protocoltest.Checks() {
		fmt.Println(c.Name)
	}
	// Output:
	// stranger is turned away
	// recorded before it is forwarded
	// split anywhere it is the same
	// denials come in order
	// approval is waited for
	// client gone while it is asked about
	// target gone in the middle of a result
	// large result in little memory
	// unknown message is refused
	// canary is never seen
	// session ends within a second
}
