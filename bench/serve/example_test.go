package serve_test

import (
	"flag"
	"fmt"

	"github.com/sallyport/sallyport/bench/serve"
)

func ExampleFlags() {
	s := serve.Flags()
	if err := flag.CommandLine.Parse([]string{"-target", "127.0.0.1:5432"}); err != nil {
		panic(err)
	}
	fmt.Println(s.Target, s.Agent)
	// Output: 127.0.0.1:5432 agent
}
