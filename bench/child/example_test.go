package child_test

import (
	"fmt"

	"github.com/sallyport/sallyport/bench/child"
)

// A program answers the line AskMemory with a line of this kind.
func Example() {
	line := child.Memory{Heap: 1 << 20, Stacks: 64 << 10, Goroutines: 12}.String()
	fmt.Println(line)
	m, err := child.ParseMemory(line)
	fmt.Println(m.Goroutines, err)
	// Output:
	// heap 1048576 stacks 65536 goroutines 12
	// 12 <nil>
}
