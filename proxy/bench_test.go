package proxy_test

import (
	"context"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// nothing is a log that keeps nothing, so that what is measured is the engine.
type nothing struct{}

func (nothing) Append(context.Context, recorder.Need, ...*recorder.Event) error { return nil }
func (nothing) Ready() error                                                    { return nil }
func (nothing) Durability() string                                              { return "durable" }

// BenchmarkOperation is one operation with one part of a result.
func BenchmarkOperation(b *testing.B) {
	ln, h := newPipeListener(), &hand{visits: make(chan *visit)}
	gw, err := proxy.New("bench").Identify(proxytest.NewMint()).Record(nothing{}).Approve(rules()[:1]).
		ListenOn(ln, h, protocol.Target{Name: "db", Address: "127.0.0.1:1"}).Build()
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	served := make(chan error)
	go func() { served <- gw.Serve(ctx) }()
	client := ln.dial()
	v := <-h.visits
	s, err := v.gate.Open(ctx, proven(agent()), protocol.Route{Client: discard{}})
	if err != nil {
		b.Fatal(err)
	}
	row := part("a row of some bytes")
	o := op("read", "select * from customers where id = 7")
	b.ReportAllocs()
	for b.Loop() {
		list, err := s.Begin(ctx, nil, o)
		if err != nil {
			b.Fatal(err)
		}
		if err := list[0].Finish(row, protocol.Outcome{Result: protocol.OK}); err != nil {
			b.Fatal(err)
		}
	}
	client.Close()
	stop()
	<-served
}

// BenchmarkPart is one more part of a result.
func BenchmarkPart(b *testing.B) {
	ln, h := newPipeListener(), &hand{visits: make(chan *visit)}
	gw, err := proxy.New("bench").Identify(proxytest.NewMint()).Record(nothing{}).Approve(rules()[:1]).
		ListenOn(ln, h, protocol.Target{Name: "db", Address: "127.0.0.1:1"}).Build()
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	served := make(chan error)
	go func() { served <- gw.Serve(ctx) }()
	client := ln.dial()
	v := <-h.visits
	s, err := v.gate.Open(ctx, proven(agent()), protocol.Route{Client: discard{}})
	if err != nil {
		b.Fatal(err)
	}
	x, err := begin(s, op("read", "select * from customers"))
	if err != nil {
		b.Fatal(err)
	}
	row := part("a row of some bytes")
	b.ReportAllocs()
	for b.Loop() {
		if err := x.Emit(row); err != nil {
			b.Fatal(err)
		}
	}
	client.Close()
	stop()
	<-served
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
