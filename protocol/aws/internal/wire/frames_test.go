package wire

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/smithy-go/eventstream"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// message is one that smithy-go has encoded.
func message(t testing.TB, payload string, headers ...any) []byte {
	t.Helper()
	var m eventstream.Message
	for i := 0; i < len(headers); i += 2 {
		v, ok := headers[i+1].(eventstream.Value)
		if !ok {
			v = eventstream.StringValue(headers[i+1].(string))
		}
		m.Headers.Set(headers[i].(string), v)
	}
	m.Payload = []byte(payload)
	var b bytes.Buffer
	require.NoError(t, eventstream.NewEncoder().Encode(&b, m))
	return b.Bytes()
}

func TestFrames(t *testing.T) {
	one := message(t, `{"Name":"n"}`, ":message-type", "event", ":event-type", "Chunk",
		"n", eventstream.Int32Value(-7), "b", eventstream.BoolValue(true), "z", eventstream.BytesValue{0xff}, "t", eventstream.TimestampValue(time.UnixMilli(5)), "i", eventstream.Int8Value(-1))
	two := message(t, "", ":message-type", "exception", ":exception-type", "Thrown")
	whole := append(bytes.Clone(one), two...)
	for _, r := range []io.Reader{bytes.NewReader(whole), iotest.OneByteReader(bytes.NewReader(whole)), iotest.DataErrReader(bytes.NewReader(whole))} {
		f := NewFrames(r, 0)
		got, err := f.Next()
		require.NoError(t, err)
		require.Equal(t, one, got.Raw)
		require.Equal(t, "event", got.Message)
		require.Equal(t, "Chunk", got.Type)
		require.Equal(t, `{"Name":"n"}`, string(got.Payload))
		for name, want := range map[string]string{"n": "-7", "b": "true", "z": "/w==", "t": "5", "i": "-1", "none": ""} {
			require.Equal(t, want, got.Header(name), name)
		}
		again, err := NewFrames(bytes.NewReader(got.Replace([]byte(`{}`))), 0).Next()
		require.NoError(t, err)
		require.Equal(t, "{}", string(again.Payload))
		require.Equal(t, got.Headers, again.Headers)
		got, err = f.Next()
		require.NoError(t, err)
		require.Equal(t, "Thrown", got.Type)
		require.Empty(t, got.Payload)
		_, err = f.Next()
		require.Equal(t, io.EOF, err)
	}
}

func TestFramesRefuses(t *testing.T) {
	whole := message(t, "payload", ":message-type", "event", ":event-type", "Chunk")
	for n := 1; n < len(whole); n++ {
		_, err := NewFrames(bytes.NewReader(whole[:n]), 0).Next()
		require.Equal(t, io.ErrUnexpectedEOF, err, n)
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 0x40
		_, err := NewFrames(bytes.NewReader(b), 0).Next()
		require.ErrorIs(t, err, ErrMalformed, i)
	}
	_, err := NewFrames(bytes.NewReader(whole), len(whole)-1).Next()
	require.ErrorIs(t, err, ErrMalformed)
	for _, headers := range []string{"\x00", "\x01", "\x01a", "\x01a\x0a", "\x01a\x02", "\x01a\x07\x00", "\x01a\x07\x00\x05x", "\x01a\x00\x01a\x00"} {
		_, err := NewFrames(bytes.NewReader(appendFrame(nil, []byte(headers), nil)), 0).Next()
		require.ErrorIs(t, err, ErrMalformed, "%q", headers)
	}
}

func TestFramesClaimMemory(t *testing.T) {
	big := appendFrame(nil, nil, make([]byte, 16<<20))
	f := NewFrames(io.MultiReader(bytes.NewReader(big[:preludeLen]), iotest.ErrReader(io.ErrClosedPipe)), 0)
	_, err := f.Next()
	require.Equal(t, io.ErrClosedPipe, err)
	require.Less(t, cap(f.buf), 64<<10)
}

func TestErrorFrame(t *testing.T) {
	raw := ErrorFrame("AccessDenied", "denied:\n\x1b[31m you")
	m, err := eventstream.NewDecoder().Decode(bytes.NewReader(raw), nil)
	require.NoError(t, err)
	require.Equal(t, "error", m.Headers.Get(":message-type").String())
	require.Equal(t, "AccessDenied", m.Headers.Get(":error-code").String())
	require.Equal(t, `denied: \x1b[31m you`, m.Headers.Get(":error-message").String())
}

func TestEvent(t *testing.T) {
	chunk := structOf("Chunk", field1("Name", secretOf(model.String)), model.Member{Name: "Index", WireName: "index", EventHeader: true, Shape: scalarOf(model.Integer)})
	records := structOf("Records", model.Member{Name: "Payload", WireName: "Payload", EventPayload: true, Shape: secretOf(model.Blob)})
	stream := structOf("Stream", field1("Chunk", chunk), field1("Records", records))
	stream.EventStream = true
	out := structOf("Out", field1("Session", scalarOf(model.String)), field1("Body", stream))
	require.Equal(t, stream, EventStream(out))
	for _, c := range []struct {
		raw     []byte
		want    []string
		unknown int
	}{
		{message(t, `{"Name":"n","X":1}`, ":message-type", "event", ":event-type", "Chunk", "index", eventstream.Int32Value(3), "other", "y"),
			[]string{"Chunk.Index=3", "Chunk.other=y unknown", "Chunk.Name=n sensitive", "Chunk.X=1 unknown"}, 2},
		{message(t, "a,b\n", ":message-type", "event", ":event-type", "Records"), []string{"Records.Payload=a,b\n sensitive"}, 0},
		{message(t, `{"Session":"s"}`, ":message-type", "event", ":event-type", "initial-response"), []string{"Session=s"}, 0},
		{message(t, `{"message":"m","more":1}`, ":message-type", "exception", ":exception-type", "Thrown"), []string{"Code=Thrown", "Message=m", "more=1 unknown"}, 1},
		{message(t, "", ":message-type", "error", ":error-code", "c", ":error-message", "m"), []string{"Code=c", "Message=m"}, 0},
		{message(t, "what", ":message-type", "event", ":event-type", "New"), []string{"New=what unknown"}, 1},
	} {
		frame, err := NewFrames(bytes.NewReader(c.raw), 0).Next()
		require.NoError(t, err)
		got, r, err := lines(t, frame.Payload, func(f func(Leaf) error) (Report, error) { return Event(out, model.RESTJSON, frame, f) })
		require.NoError(t, err)
		require.Equal(t, c.want, got)
		require.Equal(t, c.unknown, r.Unknown)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(message(f, "payload", ":message-type", "event", ":event-type", "Chunk"))
	f.Add(ErrorFrame("a", "b"))
	f.Add(appendFrame(nil, []byte("\x01a\x00\x01b\x06\x00\x01x"), []byte("p")))
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := NewFrames(bytes.NewReader(b), 1<<20).Next()
		peer, peerErr := eventstream.NewDecoder().Decode(bytes.NewReader(b), nil)
		if err != nil {
			return
		}
		require.NoError(t, peerErr)
		require.Equal(t, len(peer.Payload), len(frame.Payload))
		require.True(t, bytes.Equal(peer.Payload, frame.Payload))
		require.Equal(t, frame.Raw, b[:len(frame.Raw)])
		require.Equal(t, frame.Raw, frame.Replace(frame.Payload))
		_, _ = Event(nil, model.RESTJSON, frame, func(Leaf) error { return nil })
	})
}
