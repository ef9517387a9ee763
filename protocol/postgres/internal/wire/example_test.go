package wire_test

import (
	"bytes"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

func Example() {
	stream := wire.AppendQuery(nil, "select 1")
	stream = wire.AppendEmpty(stream, wire.TypeTerminate)

	r := wire.NewReader(bytes.NewReader(stream), 0)
	r.Limit(64 << 10)
	for {
		if err := r.Fill(); err != nil {
			fmt.Println(err == io.EOF)
			return
		}
		for {
			p, ok, err := r.Next()
			if err != nil {
				fmt.Println(err)
				return
			}
			if !ok {
				break
			}
			if p.Type == wire.TypeQuery && p.Whole() {
				text, _ := wire.ParseQuery(p.Body())
				fmt.Printf("%s\n", text)
			}
		}
	}
	// Output:
	// select 1
	// true
}
