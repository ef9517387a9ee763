package recorder

import "time"

// company counts who asks for durability these days: sessions, and where a
// session is used by several at once, as connections share one of AWS, how many
// operations are under way in it. A sync costs about the same for one as for many,
// so it pays to let those join it who are about to come. Measured at 8 clients of PostgreSQL whose every statement waits
// for its sync, a quarter less CPU time and a third more statements.
type company struct {
	epoch uint64 // of epochLength
	now   int    // who asked in this epoch
	past  int    // who asked in the epoch before
	want  int    // how many a gathering waits for; 0 while none does
	here  chan struct{}
	// took is how long syncs take, as a moving average.
	took time.Duration
}

const (
	// epochLength is how far back "these days" goes, give or take one.
	epochLength = 4 * time.Millisecond
	// gatherLeast and gatherMost bound how long a sync waits for others: twice
	// as long as syncs take here.
	gatherLeast = 100 * time.Microsecond
	gatherMost  = time.Millisecond
	// maxCompany is for how many a session counts at most.
	maxCompany = 64
)

// joins counts a session that asks for durability. mu is held.
func (c *company) joins(s *sessionState, t time.Time) {
	epoch := uint64(t.UnixNano()) / uint64(epochLength)
	if epoch != c.epoch {
		c.past = c.now
		if epoch != c.epoch+1 {
			c.past = 0
		}
		c.epoch, c.now = epoch, 0
	}
	if s.epoch != epoch {
		s.epoch, s.asks, s.counts = epoch, 0, 0
	}
	// What is under way for long does not ask again, and who asks often may be one.
	s.asks++
	if n := min(s.asks, max(1, s.underWay())); n > s.counts {
		c.now += n - s.counts
		s.counts = n
	}
}

// synced counts how long a sync took. mu is held.
func (c *company) synced(took time.Duration) { c.took += (took - c.took) / 8 }

// size is how many may be about to ask.
func (c *company) size() int { return max(c.now, c.past) }

// gather waits until most of those who are about to ask for durability have
// done so, and not for long. Who is alone does not wait. mu is held on entry
// and on return.
func (j *Journal) gather() {
	c := &j.company
	want := c.size()
	want -= want / 8
	if want < 3 || len(j.syncQueue)+1 >= want {
		return
	}
	c.want = want
	limit := time.NewTimer(min(max(2*c.took, gatherLeast), gatherMost))
	j.mu.Unlock()
	select {
	case <-c.here:
	case <-limit.C:
	}
	limit.Stop()
	j.mu.Lock()
	c.want = 0
	select {
	case <-c.here:
	default:
	}
}

// arrived tells a gathering that there is one more. mu is held.
func (j *Journal) arrived() {
	if c := &j.company; c.want > 0 && len(j.syncQueue)+1 >= c.want {
		select {
		case c.here <- struct{}{}:
		default:
		}
	}
}
