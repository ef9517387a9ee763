package recorder

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	keyName       = "journal.key"
	publicKeyName = "journal.pub"
	formatName    = "journal"
	formatFirst   = "sallyport journal 1"
)

// openSigner returns the signer of Options, or that of the key file, which is
// made where it does not exist and no checkpoint was signed yet (used).
func openSigner(dir string, id [16]byte, opts *Options, used bool) (note.Signer, error) {
	if opts.Signer != nil {
		return opts.Signer, nil
	}
	name := opts.KeyFile
	if name == "" {
		name = filepath.Join(dir, keyName)
	}
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		if used {
			return nil, fmt.Errorf("the signing key %s is gone but the journal has checkpoints: bring the key back, or give the gateway a new directory", name)
		}
		return makeKey(dir, name, id, opts.fs)
	}
	if err != nil {
		return nil, err
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s can be read by others than its owner: chmod 600 it", name)
	}
	if info.Size() > 4096 {
		return nil, fmt.Errorf("%s is not a signing key", name)
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	s, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("%s is not a signing key", name) // the cause could quote it
	}
	return s, nil
}

func makeKey(dir, name string, id [16]byte, fsys fileSystem) (note.Signer, error) {
	private, public, err := note.GenerateKey(rand.Reader, "sallyport-journal-"+hex.EncodeToString(id[:4]))
	if err != nil {
		return nil, err
	}
	// The public key first: a private one without it would be of no use.
	if err := writeFile(fsys, filepath.Join(dir, publicKeyName), []byte(public+"\n")); err != nil {
		return nil, err
	}
	if err := writeFile(fsys, name, []byte(private+"\n")); err != nil {
		return nil, err
	}
	return note.NewSigner(private)
}

// PublicKey returns the key in the journal's directory that verifies its
// checkpoints, in the text form of golang.org/x/mod/sumdb/note. Whoever can
// change the directory can change this key too: who verifies keeps a copy
// elsewhere.
func PublicKey(dir string) (string, error) {
	f, err := os.Open(filepath.Join(dir, publicKeyName))
	if err != nil {
		return "", err
	}
	defer f.Close()
	b := make([]byte, 4096)
	n, err := f.Read(b)
	if err != nil {
		return "", err
	}
	key := strings.TrimSuffix(string(b[:n]), "\n")
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("%s is not a public key: %w", f.Name(), err)
	}
	return key, nil
}

// readFormat returns the journal's id from its first file.
func readFormat(dir string) (id [16]byte, err error) {
	name := filepath.Join(dir, formatName)
	f, err := os.Open(name)
	if err != nil {
		return id, err
	}
	defer f.Close()
	b := make([]byte, 256)
	n, _ := f.Read(b)
	lines := strings.Split(string(b[:n]), "\n")
	if lines[0] != formatFirst {
		return id, fmt.Errorf("%s does not begin with %q: this is no journal, or one of a later version", name, formatFirst)
	}
	if raw, err := hex.DecodeString(strings.TrimPrefix(lines[min(1, len(lines)-1)], "id ")); err == nil && len(raw) == len(id) {
		copy(id[:], raw)
		if string(b[:n]) == formatText(id) {
			return id, nil
		}
	}
	return id, fmt.Errorf("%s is malformed", name)
}

func formatText(id [16]byte) string { return fmt.Sprintf("%s\nid %x\n", formatFirst, id) }

// makeFormat makes the first file of a new journal.
func makeFormat(dir string, fsys fileSystem) (id [16]byte, err error) {
	segments, err := exists(filepath.Join(dir, segmentDir))
	if err != nil {
		return id, err
	}
	if segments {
		return id, damaged("%s holds segments but not the file %q", dir, formatName)
	}
	_, _ = rand.Read(id[:])
	return id, writeFile(fsys, filepath.Join(dir, formatName), []byte(formatText(id)))
}
