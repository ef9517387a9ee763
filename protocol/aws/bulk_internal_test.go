package aws

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// taking is a connection that keeps what is written, and gives what it has.
type taking struct {
	net.Conn
	wrote  bytes.Buffer
	writes int
	err    error
	has    io.Reader
	reads  int
}

func (c *taking) Write(b []byte) (int, error) {
	c.writes++
	if c.err != nil {
		return 0, c.err
	}
	return c.wrote.Write(b)
}

func (c *taking) Read(b []byte) (int, error) {
	c.reads++
	return c.has.Read(b)
}

// rested waits until c sends nothing.
func rested(c *bulk) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent()
}

// Whatever is gathered, flushed and read ahead in whatever order, the bytes
// are the same and in order.
func TestBulkKeepsOrder(t *testing.T) {
	for range 200 {
		content := make([]byte, mrand.IntN(3*len(block{})))
		_, _ = rand.Read(content)
		under := &taking{has: bytes.NewReader(content)}
		c := &bulk{Conn: under, blocks: newBlocks()}
		rest, read := content, []byte{}
		for len(rest) > 0 {
			switch mrand.IntN(6) {
			case 0:
				c.gather()
			case 1:
				c.passOn()
				require.Equal(t, len(content)-len(rest), under.wrote.Len(), "nothing is kept")
			case 2:
				c.flush()
				rested(c)
				require.Equal(t, len(content)-len(rest), under.wrote.Len(), "nothing is kept")
			case 3:
				c.readAhead(mrand.IntN(2) == 0)
			default:
				n := min(len(rest), 1+mrand.IntN(1<<(1+mrand.IntN(20))))
				wrote, err := c.Write(rest[:n])
				require.NoError(t, err)
				require.Equal(t, n, wrote)
				rest = rest[n:]
				piece := make([]byte, 1+mrand.IntN(40_000))
				got, err := c.Read(piece)
				if err == io.EOF {
					require.Len(t, read, len(content))
					break
				}
				require.NoError(t, err)
				read = append(read, piece[:got]...)
			}
		}
		c.passOn()
		require.Equal(t, content, under.wrote.Bytes())
		c.readAhead(false)
		tail, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, content, append(read, tail...))
		require.Nil(t, c.in, "the block was given back")
		require.Nil(t, c.out, "the block was given back")
	}
}

func TestBulkIsQuick(t *testing.T) {
	under := &taking{has: bytes.NewReader(make([]byte, 1<<20))}
	c := &bulk{Conn: under, blocks: newBlocks()}
	c.readAhead(true)
	c.gather()
	record := make([]byte, 16<<10)
	for range 64 {
		_, err := io.ReadFull(c, record)
		require.NoError(t, err)
		_, err = c.Write(record)
		require.NoError(t, err)
	}
	c.passOn()
	require.Equal(t, 2, under.writes)
	require.Equal(t, 2, under.reads)
}

// What cannot be sent is told with the next write, and nothing follows it.
func TestBulkTellsWhatFailed(t *testing.T) {
	under := &taking{err: errors.New("gone")}
	c := &bulk{Conn: under, blocks: newBlocks()}
	c.gather()
	_, err := c.Write([]byte("kept"))
	require.NoError(t, err)
	c.flush()
	rested(c)
	under.err = nil
	_, err = c.Write([]byte("more"))
	require.ErrorContains(t, err, "gone")
	c.passOn()
	_, err = c.Write([]byte("more"))
	require.ErrorContains(t, err, "gone")
	require.Zero(t, under.wrote.Len())
	require.Equal(t, 1, under.writes)
}

// A read by TLS is sure not to wait only where a whole record has come.
func TestBulkIsReadyWithWholeRecords(t *testing.T) {
	c := &bulk{Conn: &taking{has: bytes.NewReader(make([]byte, maxRecord+1))}, blocks: newBlocks()}
	c.readAhead(true)
	one := make([]byte, 1)
	for _, want := range []bool{true, false} {
		_, err := c.Read(one)
		require.NoError(t, err)
		require.Equal(t, want, c.ready())
	}
}

// Who writes the last of an answer hears that what was gathered was not taken.
func TestReplyTellsWhatWasNotTaken(t *testing.T) {
	gone := errors.New("gone")
	c := &bulk{Conn: &taking{err: gone}, blocks: newBlocks()}
	to := &reply{w: httptest.NewRecorder(), status: 200, all: true}
	to.gather(c)
	_, err := c.Write([]byte("kept"))
	require.NoError(t, err)
	_, err = to.Write([]byte("last"))
	require.ErrorIs(t, err, gone)
	require.ErrorIs(t, c.passOn(), gone, "and so does whoever asks again")
	require.Nil(t, to.bulk)
}

// A nil bulk passes all on: there is none under plain connections.
func TestNoBulk(t *testing.T) {
	var c *bulk
	c.readAhead(true)
	c.gather()
	c.flush()
	c.passOn()
	require.False(t, c.ready())
	require.Nil(t, bulkOf(&net.TCPConn{}))
}

// An error that comes with bytes comes after them.
func TestEagerGivesAllBeforeAnError(t *testing.T) {
	broken := errors.New("broken")
	e := eager{body: io.MultiReader(bytes.NewReader([]byte("all")), failing{broken})}
	got, err := io.ReadAll(&e)
	require.ErrorIs(t, err, broken)
	require.Equal(t, "all", string(got))
}

// It reads ahead in the middle of a large body only.
func TestEagerReadsAheadInTheMiddle(t *testing.T) {
	from := &bulk{Conn: &taking{has: bytes.NewReader(make([]byte, 1<<20))}, blocks: newBlocks()}
	e := eager{body: from}
	require.True(t, e.begin(make(places, 1), 1<<20, from, nil))
	b := make([]byte, smallSize)
	for i := range 1 << 20 / smallSize {
		_, err := io.ReadFull(&e, b)
		require.NoError(t, err)
		require.Equal(t, i < 1<<20/smallSize-2, from.ahead.Load(), i)
	}
	require.Nil(t, from.in)
}

type failing struct{ error }

func (f failing) Read([]byte) (int, error) { return 0, f.error }

// A large body gives its place back once, and takes none when it has ended.
func TestPlaces(t *testing.T) {
	in := make(places, 1)
	connections := func() (from, to *bulk) {
		return &bulk{Conn: &taking{}, blocks: newBlocks()}, &bulk{Conn: &taking{}, blocks: newBlocks()}
	}
	var first, second, late, small eager
	from, to := connections()
	require.True(t, first.begin(in, smallSize+1, from, to))
	require.True(t, to.gathering)

	from2, to2 := connections()
	require.False(t, second.begin(in, 1<<30, from2, to2))
	require.False(t, to2.gathering, "there is no place")
	two, giveBack := second.buffers(newPieces(), 1<<30)
	giveBack()
	require.Len(t, two[1], smallSize)
	two, giveBack = first.buffers(newPieces(), 1<<30)
	giveBack()
	require.Len(t, two[1], pieceSize)

	second.end()
	require.Len(t, in, 1, "who has no place gives none back")
	first.end()
	first.end()
	require.Empty(t, in)
	require.False(t, to.gathering)

	late.end()
	require.False(t, late.begin(in, 1<<30, from, to))
	require.False(t, small.begin(in, smallSize, from, to))
	require.False(t, small.begin(in, -1, from, to), "it may be short")
	require.Empty(t, in)
	two, _ = small.buffers(nil, 5)
	require.Len(t, two[0], 6)
}
