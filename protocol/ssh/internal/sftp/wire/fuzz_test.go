package wire_test

import (
	"bytes"
	"testing"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

func FuzzRequest(f *testing.F) {
	for _, q := range requests() {
		f.Add(wire.AppendRequest(nil, &q))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var q wire.Request
		packet, _, err := wire.Next(b)
		if err != nil || packet == nil {
			if wire.DecodeRequest(b, &q) == nil {
				t.Fatal("decodes what is no packet")
			}
			return
		}
		before := bytes.Clone(packet)
		if wire.DecodeRequest(packet, &q) != nil {
			return
		}
		if !bytes.Equal(before, packet) {
			t.Fatal("decoding changed the packet")
		}
		if again := wire.AppendRequest(nil, &q); !bytes.Equal(again, packet) {
			t.Fatalf("%x became %x", packet, again)
		}
	})
}

func FuzzResponse(f *testing.F) {
	for _, packet := range responses() {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var a wire.Response
		if wire.DecodeResponse(b, &a) != nil {
			return
		}
		n := uint32(0)
		var e wire.Entry
		for list := a.Entries; list.Next(&e); n++ {
			_ = e
		}
		if a.Kind == wire.Name && n != a.Count {
			t.Fatalf("%d names, not %d", n, a.Count)
		}
		if again := wire.AppendResponse(nil, &a); !bytes.Equal(again, b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}

func FuzzHello(f *testing.F) {
	h := wire.Hello{Kind: wire.Init, Version: 3}
	f.Add(wire.AppendHello(nil, &h))
	h.Offer([]byte("copy-data"), []byte("1"))
	h.Kind = wire.VersionReply
	f.Add(wire.AppendHello(nil, &h))
	f.Fuzz(func(t *testing.T, b []byte) {
		var h wire.Hello
		if wire.DecodeHello(b, &h) != nil {
			return
		}
		again := wire.Hello{Kind: h.Kind, Version: h.Version}
		h.Extensions(func(name, data []byte) { again.Offer(name, data) })
		if c := wire.AppendHello(nil, &again); !bytes.Equal(c, b) {
			t.Fatalf("%x became %x", b, c)
		}
	})
}
