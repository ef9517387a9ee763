package recorder

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	sinkQueue      = 64
	sinkTimeout    = 10 * time.Second
	sinkBackoff    = time.Second
	sinkBackoffMax = time.Minute
	sinkDrain      = 5 * time.Second // how long Close waits for a sink
)

// sender feeds one sink from a bounded queue, so that no sink holds up the
// journal. Where the sink is away, the oldest checkpoints give way: a newer one
// says all that an older one says.
type sender struct {
	sink CheckpointSink
	log  *slog.Logger

	mu     sync.Mutex
	queue  []Checkpoint
	status SinkStatus

	more chan struct{}
	stop context.CancelFunc // ends waiting and sending
	last chan struct{}      // closed: no more will come
	done chan struct{}
}

func startSender(sink CheckpointSink, log *slog.Logger) *sender {
	name := fmt.Sprintf("%T", sink)
	if s, ok := sink.(fmt.Stringer); ok {
		name = s.String()
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &sender{
		sink: sink, log: log, status: SinkStatus{Name: name},
		more: make(chan struct{}, 1), stop: cancel, last: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run(ctx)
	return s
}

func (s *sender) offer(c Checkpoint) {
	s.mu.Lock()
	if len(s.queue) == sinkQueue {
		s.queue = append(s.queue[:0], s.queue[1:]...)
		s.status.Dropped++
	}
	s.queue = append(s.queue, c)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	backoff := sinkBackoff
	closing := false
	for {
		c, ok := s.first()
		if !ok {
			if closing || ctx.Err() != nil {
				return
			}
			select {
			case <-s.more:
			case <-s.last:
				closing = true
			case <-ctx.Done():
			}
			continue
		}
		err := s.send(ctx, c)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			backoff = sinkBackoff
			continue
		}
		s.log.Warn("a checkpoint could not be sent out; it will be tried again", "sink", s.status.Name, "error", err, "again_in", backoff)
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
			return
		}
		backoff = min(2*backoff, sinkBackoffMax)
	}
}

func (s *sender) first() (Checkpoint, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return Checkpoint{}, false
	}
	return s.queue[0], true
}

func (s *sender) send(ctx context.Context, c Checkpoint) error {
	one, cancel := context.WithTimeout(ctx, sinkTimeout)
	defer cancel()
	err := s.sink.Send(one, c)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status.Err = err
	if err == nil {
		s.status.Sent = time.Now()
		// It may have given way to newer ones meanwhile.
		if len(s.queue) > 0 && s.queue[0].Size == c.Size {
			s.queue = append(s.queue[:0], s.queue[1:]...)
		}
	}
	return err
}

func (s *sender) state() SinkStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := s.status
	status.Waiting = len(s.queue)
	return status
}

// close sends what is left, for a while, and reports whether all was sent.
func (s *sender) close() {
	close(s.last)
	select {
	case <-s.done:
	case <-time.After(sinkDrain):
	}
	s.stop()
	<-s.done
	if st := s.state(); st.Waiting > 0 {
		s.log.Warn("the journal was closed before its last checkpoints were sent out", "sink", st.Name, "waiting", st.Waiting, "error", st.Err)
	}
	if c, ok := s.sink.(io.Closer); ok {
		if err := c.Close(); err != nil {
			s.log.Warn("closing a checkpoint sink", "sink", s.status.Name, "error", err)
		}
	}
}
