package protocoltest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// split: how the network cuts a stream makes no difference, neither to the
// client nor to the record.
func split(t testing.TB, p *Plugin) {
	s := start(t, p)
	want, front, back := s.script(t)
	try := func(name string) {
		t.Helper()
		got, _, _ := s.script(t)
		if !bytes.Equal(got, want) {
			t.Errorf("%s, it is something else:\n%s\nnot\n%s", name, got, want)
		}
	}
	try("a second time") // or the comparison would say nothing
	for _, side := range []struct {
		name string
		w    *wire
		n    int64
	}{{"client", s.front, front}, {"target", s.back, back}} {
		side.w.cutAt(0, true)
		try("with each byte of the " + side.name + "'s stream alone")
		step := max(side.n/24, 1)
		if soak() {
			step = 1
		}
		for cut := int64(1); cut < side.n && !t.Failed(); cut += step {
			side.w.cutAt(cut, false)
			try(fmt.Sprintf("with the %s's stream cut at byte %d", side.name, cut))
		}
		side.w.cutAt(0, false)
	}
}

// script lets a new client work and returns what it saw and what was recorded,
// as text, and how many bytes the gateway read on either side.
func (s *stage) script(t testing.TB) (seen []byte, front, back int64) {
	t.Helper()
	front, back = s.front.received(), s.back.received()
	closed := s.count(recorder.KindSessionClosed)
	var saw bytes.Buffer
	scoped(t, func(t testing.TB) {
		c, _ := s.agent(t)
		for _, op := range []string{s.p.Read, s.p.Write, s.p.Denied, s.p.Read} {
			v, err := c.Do(s.soon(t), op)
			fmt.Fprintf(&saw, "%s: %q, %t\n", op, v, err == nil)
		}
	})
	if !becomes(s.p.patience(), func() bool { return s.count(recorder.KindSessionClosed) > closed }) {
		t.Fatalf("the session stays open although its client left")
	}
	list := s.ops()
	session := list[len(list)-1].Session
	for _, op := range list {
		if op.Session != session {
			continue
		}
		if op.Outcome == nil {
			op.Outcome = &protocol.Outcome{}
		}
		line, err := json.Marshal([]any{op.Operation, op.Decision, op.Input, op.Output, op.Outcome.Result, op.Outcome.Code, op.Outcome.Units})
		if err != nil {
			t.Fatalf("protocoltest: %v", err)
		}
		saw.Write(append(line, '\n'))
	}
	return saw.Bytes(), s.front.received() - front, s.back.received() - back
}

// large: memory does not grow with a result.
func large(t testing.TB, p *Plugin) {
	s := start(t, p)
	s.front.forget()
	s.Record.Thin()
	c, _ := s.agent(t)
	s.must(t, c, p.Read)
	before := heap()
	peak := before
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				peak = max(peak, heap())
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	n, err := c.Drain(ctx, p.Large)
	close(stop)
	<-stopped
	switch {
	case err != nil:
		t.Errorf("%q fails: %v", p.Large, err)
	case n < p.LargeBytes:
		t.Errorf("%q has a result of %d bytes, not %d", p.Large, n, p.LargeBytes)
	}
	if grown := peak - before; grown > p.memory() {
		t.Errorf("while a result of %d bytes went through, the heap grew by %d bytes; the bound is %d", n, grown, p.memory())
	}
}

// heap returns how many bytes of the heap are in use, without garbage: how much
// of that there is depends on how busy the machine is.
func heap() int64 {
	runtime.GC()
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// unknown: what the plugin does not know goes nowhere, and is answered.
func unknown(t testing.TB, p *Plugin) {
	s := start(t, p)
	c, conn := s.agent(t)
	s.must(t, c, p.Read)
	before := s.back.wrote()
	if u, ok := c.(Unknowner); ok {
		if err := u.Unknown(s.soon(t)); err != nil {
			t.Errorf("an unknown message is not refused: %v", err)
		}
	} else {
		sendUnknown(t, p, conn)
	}
	c.Close()
	becomes(s.p.patience(), func() bool { return s.count(recorder.KindSessionClosed) == 1 })
	if rest := withoutGoodbye(s.back.since(before), p.Goodbye); len(rest) > 0 {
		t.Errorf("%d bytes of an unknown message reached the target: %.80q", len(rest), rest)
	}
}

// sendUnknown sends Plugin.Unknown as it is and looks for an answer.
func sendUnknown(t testing.TB, p *Plugin, conn net.Conn) {
	if len(p.Unknown) == 0 {
		t.Fatalf("protocoltest: Plugin lacks Unknown, and the client is no Unknowner")
	}
	if _, err := conn.Write(p.Unknown); err != nil {
		t.Fatalf("protocoltest: %v", err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(p.patience() / 2))
	if n, err := conn.Read(make([]byte, 4096)); n == 0 {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Errorf("the unknown message %.40q is not answered, and the connection stays open", p.Unknown)
		} else {
			t.Errorf("the unknown message %.40q closes the connection without a word: %v", p.Unknown, err)
		}
	}
}
