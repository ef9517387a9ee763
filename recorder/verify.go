package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// VerifyOptions says what to verify a journal with.
type VerifyOptions struct {
	// Key is the journal's public key, as in its "journal.pub" and kept
	// elsewhere since. Empty means the one in the directory; the report then
	// says what that leaves open.
	Key string
	// Checkpoint is a signed checkpoint of the journal that was kept
	// elsewhere, such as by a [CheckpointSink]. Nil means none; the report
	// then says what that leaves open.
	Checkpoint []byte
}

// Finding is something wrong in a journal.
type Finding struct {
	// File and Offset are where it shows. Offset is that of the record or
	// line; zero where it concerns the whole file.
	File   string
	Offset int64
	// Session, First and Last name the events concerned; Session is empty
	// where it is not known.
	Session     string
	First, Last uint64
	// Problem says what is wrong.
	Problem string
}

// String puts place and problem in one line.
func (f Finding) String() string {
	s := place(f.File, f.Offset)
	switch {
	case f.Session != "" && f.First == f.Last:
		s += fmt.Sprintf(", session %s event %d", f.Session, f.First)
	case f.Session != "":
		s += fmt.Sprintf(", session %s events %d to %d", f.Session, f.First, f.Last)
	}
	return s + ": " + f.Problem
}

// maxFindings bounds a report; one cut can be the cause of many.
const maxFindings = 1000

// Report is what a verification found.
type Report struct {
	// Findings are what is wrong, in the order found, at most 1000. None
	// means that everything that is signed is as it was signed.
	Findings []Finding
	// More counts the findings beyond those.
	More int
	// Limits say, in sentences, what this verification cannot exclude.
	Limits []string
	// Segments, Events, Sessions, Heads and Checkpoints count what was read.
	Segments, Events, Sessions, Heads, Checkpoints uint64
	// Open counts sessions that have no last event: live, or cut short by the
	// end of the gateway.
	Open uint64
	// Signed counts the events that the newest checkpoint covers.
	Signed uint64
	// Newest is the journal's newest checkpoint; its Note is nil for none.
	Newest Checkpoint
	// Live says that a gateway was writing.
	Live bool
}

// OK reports whether nothing is wrong.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

func (r *Report) add(f Finding) {
	if len(r.Findings) >= maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, f)
}

// Verify checks the journal in dir: every checksum, every number, every
// session's tree against its signed heads, every head against the signed
// checkpoints, and all of it against a checkpoint kept elsewhere. It changes
// nothing and works while a gateway writes; what came after it began may be
// left out. Memory grows with the sessions open at one time only.
//
// What is wrong is in the report. The error is for what kept it from looking:
// a key that is none, a directory that is no journal or cannot be read.
func Verify(ctx context.Context, dir string, opts VerifyOptions) (*Report, error) {
	v := verifier{ctx: ctx, dir: dir, report: &Report{}, sessions: make(map[string]*checked)}
	if err := v.keys(&opts); err != nil {
		return nil, err
	}
	v.report.Live = inUse(dir)
	var err error
	if v.id, err = readFormat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a journal: %w", dir, err)
	} else if err != nil {
		return nil, err
	}
	if err := v.outside(opts.Checkpoint); err != nil {
		return nil, err
	}
	if err := v.run(); err != nil {
		return nil, err
	}
	v.limits(&opts)
	return v.report, nil
}

// verifier is one verification under way.
type verifier struct {
	ctx    context.Context
	dir    string
	id     [16]byte
	keysOf note.Verifiers
	origin string
	kept   *Checkpoint // from elsewhere
	report *Report

	tree     *treeCursor
	sessions map[string]*checked
	changed  []*checked // since the last checkpoint
	pos      uint64
	lost     bool // events are missing or unreadable that no session is known of
	file     string
	end      int64 // where the last segment's records end
}

func (v *verifier) keys(opts *VerifyOptions) error {
	local, localErr := PublicKey(v.dir)
	key := opts.Key
	if key == "" {
		if localErr != nil {
			return fmt.Errorf("no public key to verify with: %w", localErr)
		}
		key = local
	}
	known, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("the public key: %w", err)
	}
	v.keysOf, v.origin = note.VerifierList(known), known.Name()
	if opts.Key != "" && localErr == nil && local != key {
		v.report.add(Finding{File: publicKeyName, Problem: "this is not the public key that was given"})
	} else if opts.Key != "" && localErr != nil && !errors.Is(localErr, fs.ErrNotExist) {
		v.report.add(Finding{File: publicKeyName, Problem: localErr.Error()})
	}
	return nil
}

// outside reads the checkpoint that was kept elsewhere.
func (v *verifier) outside(signed []byte) error {
	if signed == nil {
		return nil
	}
	c, err := ParseCheckpoint(signed, v.keysOf)
	if err != nil {
		return fmt.Errorf("the checkpoint kept elsewhere: %w", err)
	}
	if c.Origin != v.origin {
		return fmt.Errorf("the checkpoint kept elsewhere is of %q, not of %q", c.Origin, v.origin)
	}
	v.kept = &c
	return nil
}

func (v *verifier) limits(opts *VerifyOptions) {
	r := v.report
	say := func(format string, args ...any) { r.Limits = append(r.Limits, fmt.Sprintf(format, args...)) }
	if opts.Key == "" {
		say("The public key came from the journal's own directory: whoever can change the directory could have signed a forged journal with a key of their own. Verify with a key kept elsewhere.")
	}
	if v.kept == nil {
		say("No checkpoint kept elsewhere was given: it cannot be excluded that the whole journal was put back to an earlier state, or that who holds the signing key rewrote it.")
	} else {
		say("What came after the checkpoint of %s that was kept elsewhere could have been cut off or, by who holds the signing key, rewritten.", v.kept.Time.Format(time.RFC3339))
	}
	if n := r.Heads - min(r.Newest.Size, r.Heads); n > 0 && !r.Live {
		say("The last %d session heads are under no checkpoint: the gateway ended in between, or they were added.", n)
	}
	if n := r.Events - min(r.Signed, r.Events); n > 0 && r.Live {
		say("The newest %d events are not under a checkpoint yet.", n)
	} else if n > 0 {
		say("The last %d events are under no checkpoint: the gateway ended without closing the journal. Nothing shows whether there were more, or whether these are as they were.", n)
	}
}
