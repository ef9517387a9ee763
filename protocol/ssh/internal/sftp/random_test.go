package sftp_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// noise is a conversation in which bits flip.
func noise(r *rand.Rand, packet func() []byte) []byte {
	var all []byte
	for range 30 {
		p := packet()
		if r.IntN(6) == 0 {
			p[4+r.IntN(len(p)-4)] ^= 1 << r.IntN(8)
		}
		if r.IntN(60) == 0 {
			p[r.IntN(4)] ^= 1 << r.IntN(8)
		}
		all = append(all, p...)
	}
	return all
}

// Whatever client and target say, the channel ends in order and the record
// holds what the engine promises; the rig checks that.
func TestNoise(t *testing.T) {
	rounds := 25
	if os.Getenv("SALLYPORT_SOAK") == "1" {
		rounds = 400
	}
	kinds := []wire.Kind{
		wire.Open, wire.Open, wire.Opendir, wire.Close, wire.Read, wire.Write, wire.Lstat, wire.Fstat, wire.Fsetstat, wire.Readdir, wire.Remove,
		wire.Rename, wire.Symlink, wire.PosixRename, wire.CopyData, wire.Fsync, wire.Statvfs, wire.Extended, wire.HomeDirectory, wire.UsersGroups,
	}
	var seed atomic.Uint64
	handles := func(r *rand.Rand) []byte { return []byte{byte('a' + r.IntN(4))} }
	server := scripted(func(p *fake) {
		seed := seed.Load()
		r := rand.New(rand.NewPCG(seed, 1))
		p.greet("fsync@openssh.com", "1", "copy-data", "1", "posix-rename@openssh.com", "1", "statvfs@openssh.com", "2", "home-directory", "1")
		n := 0
		for {
			packet, err := p.next()
			var q wire.Request
			if err != nil || wire.DecodeRequest(packet, &q) != nil {
				return
			}
			a := wire.Response{Kind: wire.Status, ID: q.ID, Code: wire.Code(r.IntN(3)), Message: []byte("words")}
			switch q.Kind {
			case wire.Realpath:
				p.named(q.ID, []byte("/home/x"))
				continue
			case wire.Open, wire.Opendir:
				a = wire.Response{Kind: wire.Handle, ID: q.ID, Handle: handles(r)}
			case wire.Read:
				a = wire.Response{Kind: wire.Data, ID: q.ID, Data: make([]byte, min(q.Length, 10))}
			case wire.Readdir, wire.HomeDirectory:
				p.named(q.ID, []byte("name"))
				continue
			case wire.Lstat, wire.Fstat:
				a = wire.Response{Kind: wire.Attributes, ID: q.ID}
			case wire.Statvfs, wire.UsersGroups:
				a = wire.Response{Kind: wire.ExtendedReply, ID: q.ID}
			case wire.Close, wire.Write:
				a.Code = wire.OK
			}
			b := wire.AppendResponse(nil, &a)
			if n++; seed%3 == 0 && r.IntN(20) == 0 {
				b[4+r.IntN(len(b)-4)] ^= 1 << r.IntN(8) // with a wrong length it would only seem to hang
			}
			if seed%3 == 1 && n > 15 {
				return
			}
			_, _ = p.Write(b)
		}
	})
	r := start(t, setup{server: server, rules: denySecrets()})
	for i := range uint64(rounds) {
		seed.Store(i)
		random := rand.New(rand.NewPCG(i, 2))
		c := r.connect()
		all := wire.AppendHello(nil, &wire.Hello{Kind: wire.Init, Version: 3})
		id := uint32(0)
		all = append(all, noise(random, func() []byte {
			id++
			path := []byte(fmt.Sprintf("dir/%d", random.IntN(3)))
			if random.IntN(5) == 0 {
				path = []byte("secret")
			}
			return wire.AppendRequest(nil, &wire.Request{
				Kind: kinds[random.IntN(len(kinds))], ID: id - uint32(random.IntN(2)), Path: path, Path2: []byte("b"),
				Handle: handles(random), Handle2: handles(random), Offset: uint64(random.IntN(50)), Length: uint64(random.IntN(50)),
				Data: make([]byte, random.IntN(20)), Flags: uint32(random.IntN(64)), Extension: []byte("new"),
			})
		})...)
		for len(all) > 0 {
			n := min(len(all), 1+random.IntN(300))
			if _, err := c.Write(all[:n]); err != nil {
				break // cut off
			}
			all = all[n:]
		}
		_ = c.(*net.TCPConn).CloseWrite()
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, err := io.Copy(io.Discard, c)
		require.NotErrorIs(t, err, errTimeout, "seed %d", i)
		_ = r.ended()
		c.Close()
	}
}
