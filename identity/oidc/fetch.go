package oidc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// maxResponse is how much of an issuer's answer is read, in bytes.
const maxResponse = 1 << 20

// fetcher carries the requests to the issuer. It bounds what is read, and asks
// for one address no more often than every interval: a token with a made-up
// key id makes go-oidc fetch the keys again, and strangers can send many.
type fetcher struct {
	next     http.RoundTripper
	interval time.Duration

	mu   sync.Mutex
	last map[string]*answer
}

type answer struct {
	at     time.Time
	status int
	header http.Header
	body   []byte
	err    error
}

func newFetcher(next http.RoundTripper, interval time.Duration) *fetcher {
	if next == nil {
		next = http.DefaultTransport
	}
	return &fetcher{next: next, interval: interval, last: map[string]*answer{}}
}

// RoundTrip implements http.RoundTripper for GET.
func (f *fetcher) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := private(r.URL); err != nil {
		return nil, err
	}
	address := r.URL.String()
	f.mu.Lock()
	a := f.last[address]
	f.mu.Unlock()
	if a == nil || time.Since(a.at) >= f.interval {
		a = f.ask(r)
		if r.Context().Err() == nil { // else it says nothing of the issuer
			f.mu.Lock()
			if len(f.last) > 16 {
				clear(f.last) // an issuer that redirects us around
			}
			f.last[address] = a
			f.mu.Unlock()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), Body: io.NopCloser(bytes.NewReader(a.body)), ContentLength: int64(len(a.body)), Request: r,
	}, nil
}

func (f *fetcher) ask(r *http.Request) *answer {
	a := &answer{at: time.Now()}
	resp, err := f.next.RoundTrip(r)
	if err != nil {
		a.err = err
		return a
	}
	defer resp.Body.Close()
	a.status, a.header = resp.StatusCode, resp.Header
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxResponse+1))
	switch {
	case err != nil:
		a.err = err
	case len(a.body) > maxResponse:
		a.err = fmt.Errorf("the answer is longer than %d bytes", maxResponse)
	}
	if a.err != nil {
		a.body = nil
	}
	return a
}

// private returns nil where nobody between us and u can change what it says.
func private(u *url.URL) error {
	host := u.Hostname()
	switch ip := net.ParseIP(host); {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return fmt.Errorf("the scheme %q is not https", u.Scheme)
	case host == "localhost", ip != nil && ip.IsLoopback():
		return nil
	}
	return errors.New("http is for loopback only; use https")
}
