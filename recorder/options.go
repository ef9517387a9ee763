package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Options are the settings of a [Journal]. The zero value is good for
// production: durable, checkpoints every second, a key made in the directory.
type Options struct {
	// Buffered makes Append return as soon as events are taken, also where
	// Durable is asked for: a power cut may then lose what SyncInterval and
	// SyncBytes say. It is logged, and shows in every session.
	Buffered bool
	// SyncInterval bounds how long taken events wait for the disk. Zero means
	// 100 ms; the time that the disk takes comes on top.
	SyncInterval time.Duration
	// SyncBytes bounds how many bytes of taken events wait for the disk: the
	// Append that would exceed it syncs first. Zero means 4 MiB.
	SyncBytes int64
	// SegmentSize is the size in bytes at which a new segment begins, and
	// what is reserved on disk for one. Zero means 64 MiB; the least is 4 KiB.
	SegmentSize int64
	// CheckpointInterval is how often a checkpoint is signed while anything
	// changes. Zero means one second. The end of a session and Close make one
	// too; ends close together share one.
	CheckpointInterval time.Duration
	// Signer signs checkpoints; its name is the journal's origin in them. Nil
	// means the Ed25519 key in KeyFile.
	Signer note.Signer
	// KeyFile is where the signing key is kept if Signer is nil; it is made,
	// readable by its owner only, where it does not exist. Empty means
	// "journal.key" in the directory; a path elsewhere keeps it from those
	// who get hold of the directory. The public key is always in
	// "journal.pub" in the directory.
	KeyFile string
	// Sinks get every checkpoint, or the newest where one is slow, from a
	// goroutine of its own each. They are closed with the journal if they are
	// io.Closers.
	Sinks []CheckpointSink
	// Logger gets what operators should know. Nil means slog.Default().
	Logger *slog.Logger

	fs fileSystem
}

const (
	defaultSyncInterval       = 100 * time.Millisecond
	defaultSyncBytes          = 4 << 20
	defaultSegmentSize        = 64 << 20
	minSegmentSize            = 4 << 10
	defaultCheckpointInterval = time.Second
	checkpointSpacing         = 100 * time.Millisecond
)

func (o *Options) complete() error {
	var errs []error
	if o.SyncInterval < 0 || o.SyncBytes < 0 || o.CheckpointInterval < 0 || o.SegmentSize < 0 {
		errs = append(errs, errors.New("Options: SyncInterval, SyncBytes, CheckpointInterval and SegmentSize cannot be negative"))
	}
	if o.SegmentSize != 0 && o.SegmentSize < minSegmentSize {
		errs = append(errs, fmt.Errorf("Options.SegmentSize is %d; the least is %d", o.SegmentSize, minSegmentSize))
	}
	setDefault(&o.SyncInterval, defaultSyncInterval)
	setDefault(&o.SyncBytes, defaultSyncBytes)
	setDefault(&o.SegmentSize, defaultSegmentSize)
	setDefault(&o.CheckpointInterval, defaultCheckpointInterval)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.fs == nil {
		o.fs = diskFS{}
	}
	return errors.Join(errs...)
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// LogValue shows the effective settings without the key.
func (o Options) LogValue() slog.Value {
	return slog.GroupValue(
		slog.Bool("buffered", o.Buffered),
		slog.Duration("sync_interval", o.SyncInterval),
		slog.Int64("sync_bytes", o.SyncBytes),
		slog.Int64("segment_size", o.SegmentSize),
		slog.Duration("checkpoint_interval", o.CheckpointInterval),
		slog.Int("sinks", len(o.Sinks)),
	)
}
