package proxy

import (
	"context"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// ownSession is where the gateway records what belongs to no client's
// session: start, stop, refused clients, updates.
type ownSession struct {
	gw *Gateway
	id string

	mu     sync.Mutex
	opened bool
	closed bool
}

func (o *ownSession) open(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.opened = true
	r := o.gw.rules.Load()
	info := &recorder.Opened{
		Gateway: o.gw.name, Protocol: "gateway", Policy: r.digest,
		Durability: o.gw.log.Durability(), Observe: o.gw.observe,
	}
	return o.gw.log.Append(ctx, recorder.Durable,
		&recorder.Event{Session: o.id, Time: now, Kind: recorder.KindSessionOpened, Opened: info},
		&recorder.Event{Session: o.id, Time: now, Kind: recorder.KindGatewayStarted})
}

// append records an event while the gateway serves; before and after it does
// nothing.
func (o *ownSession) append(ctx context.Context, need recorder.Need, e *recorder.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.opened || o.closed {
		return nil
	}
	e.Session, e.Time = o.id, time.Now()
	return o.gw.log.Append(ctx, need, e)
}

func (o *ownSession) close(reason string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.opened || o.closed {
		return nil
	}
	o.closed = true
	now := time.Now()
	return o.gw.log.Append(context.Background(), recorder.Durable,
		&recorder.Event{Session: o.id, Time: now, Kind: recorder.KindGatewayStopped},
		&recorder.Event{Session: o.id, Time: now, Kind: recorder.KindSessionClosed,
			Outcome: &protocol.Outcome{Result: protocol.OK, Text: reason}})
}
