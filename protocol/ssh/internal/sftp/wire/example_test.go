package wire_test

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

func ExampleDecodeRequest() {
	stream := wire.AppendRequest(nil, &wire.Request{Kind: wire.Stat, ID: 7, Path: []byte("/etc/hosts")})
	packet, _, err := wire.Next(stream)
	if err != nil || packet == nil {
		return
	}
	var q wire.Request
	if err := wire.DecodeRequest(packet, &q); err != nil {
		return
	}
	fmt.Printf("%s %d %s\n", q.Kind, q.ID, q.Path)
	// Output: stat 7 /etc/hosts
}
