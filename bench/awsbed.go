//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sallyport/sallyport/identity"
)

// awsLeg is one way from AWS clients to the target. All legs are plain HTTP,
// so that no cipher hides what the middle costs.
type awsLeg struct {
	name   string
	url    string
	middle *middle // nil for the direct way
	creds  aws.Credentials
	client *http.Client
}

func (l *awsLeg) cpu() (time.Duration, error) {
	if l.middle == nil {
		return 0, nil
	}
	return cpu(l.middle.pid)
}

// awsBed is everything that runs for AWS: the target and the legs.
type awsBed struct {
	config
	work   string // removed in the end
	target *middle
	legs   []*awsLeg
}

func newAWSBed(ctx context.Context, c config) (_ *awsBed, err error) {
	b := &awsBed{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.work, err = os.MkdirTemp(c.dir, "sallyport-bench-"); err != nil {
		return nil, err
	}
	program, err := build(ctx, b.work, "awstarget")
	if err != nil {
		return nil, err
	}
	if b.target, err = startMiddle(exec.Command(program)); err != nil {
		return nil, err
	}
	for _, name := range []string{"direct", relayLeg, "durable-detectors", "buffered-detectors"} {
		if !b.wanted(name) {
			continue
		}
		if err := b.addLeg(ctx, name); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return b, nil
}

func (b *awsBed) addLeg(ctx context.Context, name string) error {
	l := &awsLeg{
		name: name, url: "http://" + b.target.addr(), creds: aws.Credentials{AccessKeyID: "AKIABENCHBENCHBENCH0", SecretAccessKey: "bench"},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}},
	}
	b.legs = append(b.legs, l)
	if name == "direct" {
		return nil
	}
	mode, _, _ := strings.Cut(name, "-")
	program, token := "awsgateway", identity.NewToken()
	args := []string{"-target", b.target.addr()}
	if name == relayLeg {
		program = "awsrelay"
	} else {
		args = append(args, "-agent", sshAgent, "-journal", filepath.Join(b.work, "journal-"+name), fmt.Sprintf("-buffered=%t", mode == "buffered"))
	}
	if b.profile != "" {
		args = append(args, "-profile", filepath.Join(b.profile, "aws-"+name+".prof"))
	}
	path, err := build(ctx, b.work, program)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "BENCH_TOKEN="+token)
	cmd.Stderr = os.Stderr
	if l.middle, err = startMiddle(cmd); err != nil {
		return err
	}
	l.url = "http://" + l.middle.addr()
	if program == "awsgateway" {
		return l.signIn(ctx, token)
	}
	return nil
}

// signIn gets the credentials that the gateway issues.
func (l *awsLeg) signIn(ctx context.Context, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+"/.sallyport/credentials", nil)
	if err != nil {
		return err
	}
	r.SetBasicAuth(sshAgent, token)
	resp, err := l.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var d struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil || d.AccessKeyID == "" {
		return fmt.Errorf("no credentials: status %d, %w", resp.StatusCode, err)
	}
	l.creds = aws.Credentials{AccessKeyID: d.AccessKeyID, SecretAccessKey: d.SecretAccessKey, SessionToken: d.SessionToken}
	return nil
}

// do signs a request as SDKs do, sends it and reads the answer away. It
// returns how many bytes that had.
func (l *awsLeg) do(ctx context.Context, r *http.Request, service, payload string, at time.Time) (int64, error) {
	if err := signer.NewSigner().SignHTTP(ctx, l.creds, r, payload, service, "eu-west-1", at); err != nil {
		return 0, err
	}
	resp, err := l.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return 0, fmt.Errorf("status %d: %s", resp.StatusCode, words)
	}
	return io.Copy(io.Discard, resp.Body)
}

func (b *awsBed) close() error {
	var errs []error
	for _, l := range b.legs {
		l.client.CloseIdleConnections()
		if l.middle != nil {
			errs = append(errs, l.middle.stop())
		}
	}
	if b.target != nil {
		errs = append(errs, b.target.stop())
	}
	if b.work != "" {
		errs = append(errs, os.RemoveAll(b.work))
	}
	return errors.Join(errs...)
}
