package approve

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// WebhookConfig is the settings of [Webhook]. It prints without its secret.
type WebhookConfig struct {
	// Name is how rules refer to the approver. Empty means "webhook".
	Name string
	// URL is where questions are posted: https, or http on loopback. Required.
	URL string
	// Secret signs questions and answers: "whsec_" and the base64 of 24 to 64
	// random bytes, as Standard Webhooks has it. Required.
	Secret string
	// AnswerURL is where the answer is to be posted: the address under which
	// the receiver reaches the approver's ServeHTTP. It is told with the
	// question; empty where the receiver knows.
	AnswerURL string
	// Tolerance is how far an answer's timestamp may be from our clock. Zero
	// means 5 minutes, which is also the most.
	Tolerance time.Duration
	// Transport carries the questions. Nil means one of its own with the
	// defaults of net/http.
	Transport http.RoundTripper
}

// String names the webhook, without its secret.
func (c WebhookConfig) String() string { return "webhook " + c.name() + " at " + c.host() }

// GoString is String.
func (c WebhookConfig) GoString() string { return c.String() }

// LogValue implements slog.LogValuer.
func (c WebhookConfig) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", c.name()), slog.String("host", c.host()), slog.Duration("tolerance", c.Tolerance))
}

func (c WebhookConfig) name() string {
	if c.Name == "" {
		return "webhook"
	}
	return c.Name
}

// host is the part of the URL that holds no secret, which paths and queries may.
func (c WebhookConfig) host() string {
	u, err := url.Parse(c.URL)
	if err != nil {
		return "(not a URL)"
	}
	return u.Host
}

// WebhookApprover posts questions to a receiver, which posts its answers to
// ServeHTTP. Both are signed as in Standard Webhooks (webhook-id,
// webhook-timestamp, webhook-signature with v1, HMAC-SHA-256). It is an
// [Approver] and an [http.Handler]; [Webhook] makes it.
//
// A question is {"type":"approval.requested","timestamp":…,"data":{…}} with a
// [Request] as its data, and "answer_url" beside it. An answer is
// {"type":"approval.answered","timestamp":…,"data":{…}} with an [Answer].
type WebhookApprover struct {
	name, url, answerURL string
	signer               signer
	tolerance            time.Duration
	client               *http.Client

	mu      sync.Mutex
	waiting map[string]chan Answer // by digest
	seen    map[string]time.Time   // ids of answers, until their timestamps are too old
}

// Webhook returns an approver that asks over HTTP. The error joins all
// mistakes in the settings and holds no secret. Nothing is sent yet; mount the
// approver where the receiver can reach it.
func Webhook(c WebhookConfig) (*WebhookApprover, error) {
	var errs []error
	for field, s := range map[string]string{"URL": c.URL, "AnswerURL": c.AnswerURL} {
		if err := checkURL(s); err != nil && (field == "URL" || s != "") {
			errs = append(errs, fmt.Errorf("webhook %q: %s %w", c.name(), field, err))
		}
	}
	signer, err := newSigner(c.Secret)
	if err != nil {
		errs = append(errs, fmt.Errorf("webhook %q: Secret %w", c.name(), err))
	}
	if c.Tolerance < 0 || c.Tolerance > maxTolerance {
		errs = append(errs, fmt.Errorf("webhook %q: Tolerance must be within 0 and %v", c.name(), maxTolerance))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if c.Tolerance == 0 {
		c.Tolerance = maxTolerance
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // questions are rare
		c.Transport = t
	}
	return &WebhookApprover{
		name: c.name(), url: c.URL, answerURL: c.AnswerURL, signer: signer, tolerance: c.Tolerance,
		client: &http.Client{Transport: c.Transport, Timeout: attemptTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a question goes where the settings say, or nowhere
		}},
		waiting: map[string]chan Answer{}, seen: map[string]time.Time{},
	}, nil
}

const (
	maxTolerance   = 5 * time.Minute
	attemptTimeout = 10 * time.Second
	firstRetry     = 250 * time.Millisecond
	lastRetry      = 15 * time.Second
)

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return errors.New("is not a URL")
	}
	ip := net.ParseIP(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())) {
		return errors.New("must be https, or http on loopback")
	}
	return nil
}

// String names the approver, without its secret.
func (w *WebhookApprover) String() string { return WebhookConfig{Name: w.name, URL: w.url}.String() }

// GoString is String.
func (w *WebhookApprover) GoString() string { return w.String() }

// Name implements [Approver].
func (w *WebhookApprover) Name() string { return w.name }

// Ask implements [Approver]. It posts the question, again with growing pauses
// where the receiver cannot be reached or is troubled (5xx, 408, 429), and
// waits for the answer until ctx ends. A receiver that refuses the question
// (other codes) ends the wait at once. Ask leaves no goroutine behind.
func (w *WebhookApprover) Ask(ctx context.Context, q Request) (Answer, error) {
	answers := make(chan Answer, 1)
	w.mu.Lock()
	_, twice := w.waiting[q.Digest]
	if !twice && q.Digest != "" {
		w.waiting[q.Digest] = answers
	}
	w.mu.Unlock()
	if twice || q.Digest == "" {
		return Answer{}, errors.New("the request's digest is empty or asked about already")
	}
	defer func() {
		w.mu.Lock()
		delete(w.waiting, q.Digest)
		w.mu.Unlock()
	}()

	body, err := json.Marshal(struct {
		Type      string    `json:"type"`
		Timestamp time.Time `json:"timestamp"`
		AnswerURL string    `json:"answer_url,omitempty"`
		Data      Request   `json:"data"`
	}{"approval.requested", q.Asked, w.answerURL, bounded(q)})
	if err != nil {
		return Answer{}, fmt.Errorf("encode the question: %w", err)
	}
	id := "msg_" + rand.Text()
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		again, err := w.post(ctx, id, body)
		if err == nil {
			break
		}
		if !again {
			select {
			case a := <-answers: // it arrived after all
				return a, nil
			default:
				return Answer{}, err
			}
		}
		select {
		case a := <-answers:
			return a, nil
		case <-ctx.Done():
			return Answer{}, fmt.Errorf("%w; the last attempt: %w", ctx.Err(), err)
		case <-time.After(jitter(pause)):
		}
	}
	select {
	case a := <-answers:
		return a, nil
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

// post makes one attempt. again says whether another may go better.
func (w *WebhookApprover) post(ctx context.Context, id string, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the URL cannot be posted to")
	}
	r.Header.Set("Content-Type", "application/json")
	w.signer.sign(r.Header, id, time.Now(), body)
	resp, err := w.client.Do(r)
	if err != nil {
		if urlErr, ok := errors.AsType[*url.Error](err); ok {
			err = urlErr.Err // without the URL, whose path or query may be a secret
		}
		return true, fmt.Errorf("the receiver cannot be reached: %w", err)
	}
	io.CopyN(io.Discard, resp.Body, 4<<10)
	resp.Body.Close()
	switch code := resp.StatusCode; {
	case code >= 200 && code < 300:
		return false, nil
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooManyRequests:
		return true, fmt.Errorf("the receiver is troubled: status %d", code)
	default:
		return false, fmt.Errorf("the receiver does not take the question: status %d", code)
	}
}

// jitter spreads attempts over half of their pause.
func jitter(pause time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(pause/2)+1))
	if err != nil {
		return pause
	}
	return pause/2 + time.Duration(n.Int64())
}
