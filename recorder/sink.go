package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// CheckpointSink keeps checkpoints where who can change the journal cannot
// change them. Only such a checkpoint shows that a journal was rolled back.
type CheckpointSink interface {
	// Send keeps a checkpoint; c.Note is the signed text. It is called from
	// one goroutine, again with a later ctx after an error.
	Send(ctx context.Context, c Checkpoint) error
}

// FileSink keeps the newest checkpoint in a file, which a reader finds whole
// or not at all. It belongs on another disk or machine than the journal.
type FileSink struct {
	// Path is the file's; Send makes Path+".new" beside it. Required.
	Path string
}

// String names the sink in logs.
func (s FileSink) String() string { return s.Path }

// Send replaces the file.
func (s FileSink) Send(_ context.Context, c Checkpoint) error {
	temp := s.Path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(c.Note)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp, s.Path); err != nil {
		return err
	}
	return diskFS{}.SyncDir(filepath.Dir(s.Path))
}

// HTTPSink sends each checkpoint as the body of a POST, as text/plain. Any 2xx
// answer means that it is kept.
type HTTPSink struct {
	// URL is where to. Required.
	URL string
	// Header is sent with each request, such as an Authorization. It is not
	// logged.
	Header http.Header
	// Client sends; nil means a client that follows no redirects.
	Client *http.Client
}

// String names the sink in logs.
func (s HTTPSink) String() string {
	req, err := http.NewRequest(http.MethodPost, s.URL, nil)
	if err != nil {
		return "malformed URL"
	}
	return req.URL.Redacted()
}

// Send posts the checkpoint.
func (s HTTPSink) Send(ctx context.Context, c Checkpoint) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(c.Note))
	if err != nil {
		return errors.New("the checkpoint sink's URL is malformed")
	}
	for k, v := range s.Header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	client := s.Client
	if client == nil {
		client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s", s, resp.Status)
	}
	return nil
}

// SinkStatus says how a sink stands.
type SinkStatus struct {
	// Name is the sink's String, or its type.
	Name string
	// Waiting is how many checkpoints are still to be sent; Dropped how many
	// were passed over because newer ones came while the sink was away.
	Waiting, Dropped int
	// Sent is when one was last kept; zero for never.
	Sent time.Time
	// Err is why the last try failed, nil if it did not.
	Err error
}
