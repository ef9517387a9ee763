package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Journal is the [Log] on local disk: append-only segments, session trees and
// signed checkpoints in one directory, which one gateway has to itself. Its
// methods are safe for concurrent use.
type Journal struct {
	dir  string
	id   [16]byte
	opts Options
	lock *os.File
	enc  *encoder

	mu       sync.Mutex
	quiet    sync.Cond // signalled when writing or syncing ends
	err      error     // final
	closed   bool
	sessions map[string]*sessionState
	recent   *sessionState   // of the last event
	dirty    []*sessionState // changed since their last head
	pos      uint64
	number   uint64 // of the segment that new events go to
	salts    saltSource
	// tailSize is how large the segment is with what is pending, tailFloor how
	// large it was without an event.
	tailSize, tailFloor int64

	pending, spare             []byte
	rolls                      []rollPoint
	appended, written, synced  int64
	writing, syncing           bool
	company                    company
	writeQueue, syncQueue      []*waiter
	idle                       []*waiter
	syncFile                   file
	retired                    []file
	syncPlanned, headsPlanned  bool
	headsUrgent, urgentPlanned bool

	tail *segment // the writer's of the moment

	// The tree and the checkpoints, under headMu.
	headMu     sync.Mutex
	heads      *headLog
	marks      file
	signer     note.Signer
	checkpoint Checkpoint
	senders    []*sender

	kick, stop, kept chan struct{}
	recovered        Recovery
}

var _ Log = (*Journal)(nil)

// OpenJournal opens the journal in dir for writing, making what does not
// exist. Where the gateway before ended without Close, it cuts what was not
// whole at the end and closes the sessions that were open, as abandoned; see
// [Journal.Recovery]. It fails with an error that wraps [ErrLocked] while
// another process writes there, and with one that wraps [ErrDamaged] where
// less is there than the newest checkpoint says. Close it.
func OpenJournal(dir string, opts Options) (*Journal, error) {
	if err := opts.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		dir: dir, opts: opts, lock: lock, enc: newEncoder(), sessions: make(map[string]*sessionState),
		company: company{here: make(chan struct{}, 1)}, kick: make(chan struct{}, 1), stop: make(chan struct{}), kept: make(chan struct{}),
	}
	j.quiet.L = &j.mu
	if err := j.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the journal in %s: %w", dir, err), j.closeFiles())
	}
	if opts.Buffered {
		opts.Logger.Warn("the journal is buffered: a power cut may lose the newest operations", "dir", dir, "window", opts.SyncInterval)
	}
	for _, s := range opts.Sinks {
		j.senders = append(j.senders, startSender(s, opts.Logger))
	}
	go j.keep()
	return j, nil
}

func (j *Journal) open() error {
	var err error
	if j.id, err = readFormat(j.dir); errors.Is(err, fs.ErrNotExist) {
		j.id, err = makeFormat(j.dir, j.opts.fs)
	}
	if err != nil {
		return err
	}
	for _, sub := range []string{segmentDir, treeDir} {
		if err := os.MkdirAll(filepath.Join(j.dir, sub), 0o700); err != nil {
			return err
		}
	}
	if err := j.opts.fs.SyncDir(j.dir); err != nil {
		return err
	}
	last, end, err := newestCheckpoint(j.dir)
	if err != nil {
		return err
	}
	if j.signer, err = openSigner(j.dir, j.id, &j.opts, end > 0); err != nil {
		return err
	}
	if end > 0 && last.Origin != j.signer.Name() {
		return fmt.Errorf("the journal's checkpoints are signed as %q, but the key given is %q", last.Origin, j.signer.Name())
	}
	if err := j.checkSignature(last); err != nil {
		return err
	}
	j.checkpoint = last
	if j.heads, err = openHeads(j.dir, j.opts.fs, last); err != nil {
		return err
	}
	if err := j.recover(); err != nil {
		return err
	}
	marks := filepath.Join(j.dir, checkpointsName)
	if j.marks, err = j.opts.fs.Append(marks); err != nil {
		return err
	}
	if err := cutFile(j.opts.fs, marks, end); err != nil {
		return err
	}
	if err := j.opts.fs.SyncDir(j.dir); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.roll(); err != nil {
		return err
	}
	if err := j.recordRecovery(); err != nil {
		return err
	}
	return j.await(j.appended, true)
}

// checkSignature checks that the newest checkpoint is this journal's own,
// where its public key is at hand.
func (j *Journal) checkSignature(last Checkpoint) error {
	key, err := PublicKey(j.dir)
	if last.Note == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	v, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	if v.Name() != j.signer.Name() || v.KeyHash() != j.signer.KeyHash() {
		return fmt.Errorf("%s is not the public key of the signer", filepath.Join(j.dir, publicKeyName))
	}
	if _, err := ParseCheckpoint(last.Note, note.VerifierList(v)); err != nil {
		return damaged("the newest checkpoint: %w", err)
	}
	return nil
}

// Append implements [Log].
func (j *Journal) Append(ctx context.Context, need Need, events ...*Event) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return err
	}
	if err := j.check(events); err != nil {
		return err
	}
	if err := j.add(events); err != nil {
		return err
	}
	lsn := j.appended
	durable := need == Durable && !j.opts.Buffered
	if durable {
		if s := j.last(events[0].Session); s != nil {
			j.company.joins(s, time.Now())
		}
	}
	if err := j.await(lsn, durable); err != nil {
		return err
	}
	if j.written-j.synced >= j.opts.SyncBytes {
		return j.await(lsn, true)
	}
	return nil
}

func (j *Journal) usable() error {
	if j.err != nil {
		return j.err
	}
	if j.closed {
		return ErrClosed
	}
	return nil
}

// add encodes events behind what is pending. mu is held.
func (j *Journal) add(events []*Event) error {
	rough := 0
	for _, e := range events {
		rough += roughSize(e)
	}
	if j.tailSize+int64(rough) > j.opts.SegmentSize && j.tailSize > j.tailFloor {
		if err := j.roll(); err != nil {
			j.fail(err)
			return j.err
		}
	}
	before, at := len(j.pending), j.pos
	for i, e := range events {
		s := j.last(e.Session)
		if s == nil {
			s = &sessionState{id: e.Session}
			j.sessions[s.id] = s
			j.recent = s
		}
		e.Seq, e.Pos = s.tree.size, j.pos
		j.pos++
		var flags byte
		if i < len(events)-1 {
			flags = flagMore
		}
		start := len(j.pending)
		b := beginRecord(j.pending, typeEvent, flags, j.salts.next())
		head := len(b)
		b = j.enc.event(b, e)
		head = len(b) - head
		b = append(b, e.Payload...)
		if len(b)-start-frameSize > MaxRecord {
			// check lets none through; one that nobody can read back must
			// not reach the disk.
			j.fail(errLength)
			return j.err
		}
		endRecord(b, start, head)
		s.tree.add(leafHash(b[start+frameSize-1:]))
		j.pending = b
		s.note(e, at)
		if !s.dirty {
			s.dirty = true
			j.dirty = append(j.dirty, s)
		}
		if e.Kind == KindSessionClosed {
			s.closed = true
			j.headsUrgent = true
		}
	}
	size := int64(len(j.pending) - before)
	j.tailSize += size
	j.appended += size
	return nil
}

// Ready implements [Log].
func (j *Journal) Ready() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.usable()
}

// Durability implements [Log].
func (j *Journal) Durability() string {
	if j.opts.Buffered {
		return "buffered"
	}
	return "durable"
}

// Dir returns the journal's directory.
func (j *Journal) Dir() string { return j.dir }

// LastCheckpoint returns the newest checkpoint; its Note is nil before the first.
func (j *Journal) LastCheckpoint() Checkpoint {
	j.headMu.Lock()
	defer j.headMu.Unlock()
	return j.checkpoint
}

// SinkStatus says how each of Options.Sinks stands, in their order. A sink
// that is away does not make the journal unready.
func (j *Journal) SinkStatus() []SinkStatus {
	list := make([]SinkStatus, len(j.senders))
	for i, s := range j.senders {
		list[i] = s.state()
	}
	return list
}

// Close writes what is pending and a last checkpoint, gives the sinks a few
// seconds to take it, and frees the directory. Sessions that are still open
// stay so in the record until the journal is opened again. Later calls do
// nothing and return nil.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.closed = true
	j.mu.Unlock()
	close(j.stop)
	<-j.kept
	_, err := j.sign()
	var senders sync.WaitGroup
	for _, s := range j.senders {
		senders.Go(s.close)
	}
	senders.Wait()
	return errors.Join(err, j.closeFiles())
}

// closeFiles waits for what is under way and frees everything.
func (j *Journal) closeFiles() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	for j.writing || j.syncing {
		j.quiet.Wait()
	}
	var errs []error
	if j.tail != nil {
		if j.err == nil && j.written == j.appended {
			errs = append(errs, j.tail.f.Truncate(j.tail.offset))
		}
		errs = append(errs, j.tail.f.Close())
	}
	if j.heads != nil && j.heads.f != nil {
		errs = append(errs, j.heads.f.Close())
	}
	if j.marks != nil {
		errs = append(errs, j.marks.Close())
	}
	return errors.Join(append(errs, j.lock.Close())...)
}
