package recorder

import (
	"fmt"
	"time"
)

// Group commit. Bytes are counted from the opening of the journal: appended
// (in pending), written, synced. Whoever needs bytes to be further than they
// are and finds nobody at work does the work, for all that is pending; the
// others wait and are woken once, either because theirs is done or to do the
// next piece. With nobody else there, nothing changes goroutines.
//
// Writing and syncing are apart, so that who needs only Taken does not wait
// for a disk; who needs Durable while a sync is under way leaves their bytes
// pending, so that the next one writes them together.

type waiter struct {
	wake chan struct{}
	lsn  int64
}

// await returns once the bytes up to lsn are written, or synced. mu is held
// on entry and on return, not in between.
func (j *Journal) await(lsn int64, durable bool) error {
	for {
		switch {
		case durable && j.synced >= lsn, !durable && j.written >= lsn:
			return nil
		case j.err != nil:
			return j.err
		case durable && !j.syncing:
			j.sync()
		case durable:
			j.wait(&j.syncQueue, lsn)
		case !j.writing:
			j.write()
		default:
			j.wait(&j.writeQueue, lsn)
		}
	}
}

// wait sleeps until wakeUp picks it.
func (j *Journal) wait(queue *[]*waiter, lsn int64) {
	var w *waiter
	if n := len(j.idle); n > 0 {
		w, j.idle = j.idle[n-1], j.idle[:n-1]
	} else {
		w = &waiter{wake: make(chan struct{}, 1)}
	}
	w.lsn = lsn
	*queue = append(*queue, w)
	j.arrived()
	j.mu.Unlock()
	<-w.wake
	j.mu.Lock()
	j.idle = append(j.idle, w)
}

// wakeUp wakes those whose bytes are done, and one more who does what is left.
func (j *Journal) wakeUp(queue *[]*waiter, done int64) {
	rest := (*queue)[:0]
	next := false
	for _, w := range *queue {
		if w.lsn > done && j.err == nil && next {
			rest = append(rest, w)
			continue
		}
		next = next || w.lsn > done
		w.wake <- struct{}{} // has room: a waiter is in one queue, once
	}
	clear((*queue)[len(rest):])
	*queue = rest
}

// write writes all that is pending. Only one does at a time.
func (j *Journal) write() {
	buf, rolls, end := j.pending, j.rolls, j.appended
	j.pending, j.spare, j.rolls = j.spare[:0], nil, nil
	j.writing = true
	j.mu.Unlock()

	err := j.writeOut(buf, rolls, end-int64(len(buf)))

	j.mu.Lock()
	j.writing = false
	if cap(buf) <= maxKeptBuffer {
		j.spare = buf[:0]
	}
	if err != nil {
		j.fail(err)
	} else {
		j.written = end
		j.plan()
	}
	j.wakeUp(&j.writeQueue, j.written)
	j.quiet.Broadcast()
}

// maxKeptBuffer is the largest buffer that is kept for reuse.
const maxKeptBuffer = 4 << 20

// writeOut writes buf, which begins at byte lsn of the stream.
func (j *Journal) writeOut(buf []byte, rolls []rollPoint, lsn int64) error {
	done := 0
	for _, r := range rolls {
		if err := j.writePiece(buf[done:r.at]); err != nil {
			return err
		}
		done = r.at
		if err := j.nextSegment(r.number, lsn+int64(done)); err != nil {
			return err
		}
	}
	return j.writePiece(buf[done:])
}

func (j *Journal) writePiece(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	n, err := j.tail.f.WriteAt(b, j.tail.offset)
	j.tail.offset += int64(n)
	if err == nil && n < len(b) {
		err = fmt.Errorf("write: %d of %d bytes written", n, len(b))
	}
	return err
}

// nextSegment seals the segment being written, which is durable then, and
// makes the next one.
func (j *Journal) nextSegment(number uint64, lsn int64) error {
	old := j.tail
	if old != nil {
		if err := old.f.Sync(); err != nil {
			return err
		}
		// Saves space only: zeros behind the last record are no error.
		if err := old.f.Truncate(old.offset); err != nil {
			return err
		}
	}
	s, err := j.createSegment(number)
	if err != nil {
		return err
	}
	j.tail = s
	j.mu.Lock()
	defer j.mu.Unlock()
	j.syncFile = s.f
	if old == nil {
		return nil
	}
	j.synced = max(j.synced, lsn)
	if j.syncing { // someone may be in its Sync
		j.retired = append(j.retired, old.f)
		return nil
	}
	return old.f.Close()
}

// sync makes all that is pending durable. Only one does at a time.
func (j *Journal) sync() {
	j.syncing = true
	j.gather()
	if err := j.await(j.appended, false); err == nil {
		target, f := j.written, j.syncFile
		if j.synced < target {
			j.mu.Unlock()
			began := time.Now()
			err := f.Sync()
			took := time.Since(began)
			j.mu.Lock()
			j.company.synced(took)
			if err != nil {
				j.fail(err)
			} else {
				j.synced = max(j.synced, target)
			}
		}
	}
	j.syncing = false
	for _, f := range j.retired {
		if err := f.Close(); err != nil {
			j.fail(err)
		}
	}
	j.retired = nil
	j.wakeUp(&j.syncQueue, j.synced)
	j.quiet.Broadcast()
}

// fail is final: what the disk holds after a failed write or sync is not
// known, and a second fsync that succeeds proves nothing.
func (j *Journal) fail(err error) {
	if j.err != nil {
		return
	}
	j.err = fmt.Errorf("the journal in %s has failed and takes no more events; check its disk, then start the gateway again: %w", j.dir, err)
	j.opts.Logger.Error("the journal has failed", "dir", j.dir, "error", err)
	j.wakeUp(&j.writeQueue, j.written)
	j.wakeUp(&j.syncQueue, j.synced)
}
