//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sallyport/sallyport/recorder"
)

// proof verifies the journal, then a copy in which one byte is another.
func (t *tour) proof(ctx context.Context) error {
	kept, err := os.ReadFile(t.checkpoint)
	if err != nil {
		return err
	}
	options := recorder.VerifyOptions{Key: t.key, Checkpoint: kept}
	report, err := recorder.Verify(ctx, t.journal(), options)
	if err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("the journal does not verify: %s", report.Findings[0])
	}
	t.out.title("Is the record as it was written?")
	t.out.item(2, 9, green, "verified", "nothing is wrong: %d events of %d sessions under %d signed checkpoints, with the public key "+
		"and the newest checkpoint that were kept elsewhere", report.Events, report.Sessions, report.Checkpoints)

	forged := filepath.Join(t.dir, "forged")
	if err := os.CopyFS(forged, os.DirFS(t.journal())); err != nil {
		return err
	}
	file, offset, err := flip(forged, "DROP TABLE customers")
	if err != nil {
		return err
	}
	report, err = recorder.Verify(ctx, forged, options)
	if err != nil {
		return err
	}
	if report.OK() {
		return errors.New("a changed byte was not found")
	}
	t.out.title("And if one byte of a copy is changed?")
	name, _ := filepath.Rel(forged, file)
	t.out.field("changed", "byte %d of %s, in the text of the statement that was denied", offset, name)
	for _, f := range report.Findings {
		if rel, err := filepath.Rel(forged, f.File); err == nil {
			f.File = rel
		}
		t.out.item(2, 9, red, "found", "%s", f)
	}
	return nil
}

// flip changes one bit of the last byte of text in the journal's segments.
func flip(dir, text string) (file string, offset int64, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	if err != nil {
		return "", 0, err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return "", 0, err
		}
		if i := bytes.Index(b, []byte(text)); i >= 0 {
			last := i + len(text) - 1
			b[last] ^= 1
			return file, int64(last), os.WriteFile(file, b, 0o600)
		}
	}
	return "", 0, fmt.Errorf("%q is not in the journal", text)
}
