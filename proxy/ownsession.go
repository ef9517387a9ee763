package proxy

import (
	"context"
	"errors"
	"fmt"
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
	r := o.gw.rules.Load()
	info := &recorder.Opened{
		Gateway: o.gw.name, Protocol: "gateway", Policy: r.digest,
		Durability: o.gw.log.Durability(), Observe: o.gw.observe, Outlive: o.gw.outlive,
	}
	err := o.gw.log.Append(ctx, recorder.Durable,
		&recorder.Event{Session: o.id, Time: now, Kind: recorder.KindSessionOpened, Opened: info},
		&recorder.Event{Session: o.id, Time: now, Kind: recorder.KindGatewayStarted})
	o.opened = err == nil
	return err
}

// refused records that a client was turned away. What the client said of
// itself is cut to size: nobody has vouched for it.
func (o *ownSession) refused(proto, remote, name string, reason error) error {
	text := fmt.Sprintf("%s from %s as %q: %s", proto, remote, clip(name, 100), protocol.Visible(clip(reason.Error(), 400)))
	return o.append(context.Background(), recorder.Taken, &recorder.Event{
		Kind: recorder.KindRefused, Note: &recorder.Note{Kind: "refused", Text: text},
	})
}

func clip(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] + "…"
	}
	return s
}

// append records an event while the gateway serves. Before it does nothing:
// the start will be recorded with what holds by then.
func (o *ownSession) append(ctx context.Context, need recorder.Need, e *recorder.Event) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case !o.opened:
		return nil
	case o.closed:
		return errors.New("the gateway has stopped")
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
