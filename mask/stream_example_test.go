package mask_test

import (
	"fmt"

	"github.com/sallyport/sallyport/mask"
)

// A password that is cut in two, with a colour in it.
func ExampleSet_Stream() {
	masks, err := mask.New(mask.Secrets())
	if err != nil {
		panic(err)
	}
	stream := masks.Stream()
	for _, piece := range []string{"db: postgres://app:hun", "\x1b[1mter2@db/x\n", "$ "} {
		out, _ := stream.Next([]byte(piece))
		fmt.Printf("%q, held back: %d\n", out, stream.Held())
	}
	out, _ := stream.Flush()
	fmt.Printf("%q\n", out)
	// Output:
	// "db: postgres://app:", held back: 3
	// "***\x1b[1m****@db/x\n", held back: 0
	// "$ ", held back: 0
	// ""
}
