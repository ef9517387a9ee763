//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// objects moves an object both ways, one at a time.
func (b *awsBed) objects(ctx context.Context, r *report) error {
	size := int64(b.file) << 20
	for _, upload := range []bool{true, false} {
		name := "S3 GET"
		if upload {
			name = "S3 PUT"
		}
		s := &section{Title: fmt.Sprintf("%s of %d MiB", name, b.file), Reference: relayLeg}
		for round := range b.rounds {
			for _, l := range b.legs {
				if err := b.object(ctx, s, l, upload, size); err != nil {
					return fmt.Errorf("%s through %s: %w", s.Title, l.name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %s MB/s  %s s CPU/GiB\n", round+1, b.rounds, s.Title, l.name, s.last(l.name, "MB/s"), s.last(l.name, "CPU s/GiB"))
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return nil
}

func (b *awsBed) object(ctx context.Context, s *section, l *awsLeg, upload bool, size int64) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var idle float64
	var err error
	if l.middle != nil {
		if idle, _, err = memory(l.middle.pid); err != nil {
			return err
		}
		if err := resetPeak(l.middle.pid); err != nil {
			return err
		}
	}
	method, body := http.MethodGet, io.Reader(nil)
	if upload {
		method, body = http.MethodPut, io.LimitReader(nothing{}, size)
	}
	r, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("%s/bench/%d", l.url, size), body)
	if err != nil {
		return err
	}
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	if upload {
		r.ContentLength = size
	}
	before, err := l.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := l.do(ctx, r, "s3", "UNSIGNED-PAYLOAD", time.Now())
	if err != nil {
		return err
	}
	took := time.Since(start)
	if !upload && n != size {
		return fmt.Errorf("%d bytes came instead of %d", n, size)
	}
	after, err := l.cpu()
	if err != nil {
		return err
	}
	s.add(l.name, "MB/s", float64(size)/1e6/took.Seconds())
	if l.middle == nil {
		return nil
	}
	_, peak, err := memory(l.middle.pid)
	s.add(l.name, "CPU s/GiB", (after-before).Seconds()*(1<<30)/float64(size))
	s.add(l.name, "growth MB", max(peak-idle, 0))
	return err
}

// nothing is bytes without end.
type nothing struct{}

func (nothing) Read(p []byte) (int, error) { return len(p), nil }

// calls makes small calls for a time.
func (b *awsBed) calls(ctx context.Context, r *report) error {
	for _, parallel := range []int{1, b.few} {
		s := &section{Title: fmt.Sprintf("dynamodb:GetItem, %d at a time", parallel), Reference: relayLeg}
		for round := range b.rounds {
			for _, l := range b.legs {
				again := repeated{"call", b.duration, parallel, func() error { return l.getItem(ctx) }}
				if err := again.measure(ctx, s, l.name, l.middle); err != nil {
					return fmt.Errorf("%s through %s: %w", s.Title, l.name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %s call/s  %s ms CPU/call\n", round+1, b.rounds, s.Title, l.name, s.last(l.name, "call/s"), s.last(l.name, "CPU ms/call"))
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return nil
}

const getItem = `{"TableName":"orders","Key":{"id":{"S":"order-4711"}},"ConsistentRead":true}`

func (l *awsLeg) getItem(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/", bytes.NewReader([]byte(getItem)))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	sum := sha256.Sum256([]byte(getItem))
	_, err = l.do(ctx, r, "dynamodb", hex.EncodeToString(sum[:]), time.Now())
	return err
}
