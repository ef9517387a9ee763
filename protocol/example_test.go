package protocol_test

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
)

// A plugin tells what an operation does by its effects, as a whole and by
// object; rules match on them.
func ExampleOperation() {
	op := protocol.Operation{
		Verb:    "delete",
		Text:    "DELETE FROM orders WHERE id IN (SELECT id FROM expired)",
		Effects: protocol.Read | protocol.Destroy,
		Objects: []protocol.Object{
			{Kind: "table", Name: "public.orders", Effects: protocol.Destroy, Resolved: true},
			{Kind: "table", Name: "public.expired", Effects: protocol.Read, Resolved: true},
		},
	}
	fmt.Println(op.Verb, op.Effects)
	for _, o := range op.Objects {
		fmt.Println(o.Kind, o.Name, o.Effects)
	}
	// Output:
	// delete read+destroy
	// table public.orders destroy
	// table public.expired read
}

// Clients learn what Public returns, whatever the error holds.
func ExamplePublic() {
	err := fmt.Errorf("relay: %w", &protocol.Failure{
		Public: `target "shop" cannot be reached`,
		Err:    errors.New("dial tcp 10.1.2.3:5432: connection refused"),
	})
	fmt.Println(protocol.Public(err))
	fmt.Println(protocol.Public(errors.New("password for user shop_rw is wrong")))
	// Output:
	// target "shop" cannot be reached
	// the gateway could not go on; the operator's log says why
}

// Texts from clients are made harmless before people see them.
func ExampleVisible() {
	fmt.Println(protocol.Visible("DROP TABLE x; --\u202e \x1b]52;c;cm0gLXJmIC8=\a"))
	// Output: DROP TABLE x; --\u202e \x1b]52;c;cm0gLXJmIC8=\x07
}
