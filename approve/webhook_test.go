package approve

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdefghijklmnop"))

// receiver stands in for the other side: it gets what is posted.
type receiver func(r *http.Request, body []byte) (status int, err error)

func (f receiver) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	status, err := f(r, body)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.example"}}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

func webhook(t *testing.T, f receiver) *WebhookApprover {
	t.Helper()
	w, err := Webhook(WebhookConfig{URL: "https://hooks.example/secret-path", Secret: secret, AnswerURL: "https://gw.example/answers", Transport: f})
	require.NoError(t, err)
	return w
}

// post sends an answer; change may spoil the request.
func post(w *WebhookApprover, id string, at time.Time, body string, change func(*http.Request)) int {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	s, _ := newSigner(secret)
	s.sign(r.Header, id, at, []byte(body))
	if change != nil {
		change(r)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec.Code
}

func answered(digest string, approved bool) string {
	return fmt.Sprintf(`{"type":"approval.answered","data":{"digest":%q,"approved":%t,"by":"ann\n\u202e","reason":"fine"}}`, digest, approved)
}

func TestWebhookAsksAndTakesTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *WebhookApprover
		w = webhook(t, func(r *http.Request, body []byte) (int, error) {
			s, err := newSigner(secret)
			require.NoError(t, err)
			id, at, ok := s.verify(r.Header, body)
			assert.True(t, ok, "the question is signed")
			assert.True(t, strings.HasPrefix(id, "msg_"))
			assert.WithinDuration(t, time.Now(), at, time.Second)
			var q struct {
				Type      string
				AnswerURL string `json:"answer_url"`
				Data      Request
			}
			require.NoError(t, json.Unmarshal(body, &q))
			assert.Equal(t, "approval.requested", q.Type)
			assert.Equal(t, "https://gw.example/answers", q.AnswerURL)
			assert.Equal(t, "DROP TABLE orders", q.Data.Operation.Text)
			assert.Equal(t, "d1", q.Data.Digest)
			go func() {
				time.Sleep(time.Second)
				assert.Equal(t, 404, post(w, "m0", time.Now(), answered("other", true), nil))
				assert.Equal(t, 204, post(w, "m1", time.Now(), answered("d1", true), nil))
				assert.Equal(t, 409, post(w, "m1", time.Now(), answered("d1", true), nil), "a replay")
				assert.Equal(t, 404, post(w, "m2", time.Now(), answered("d1", true), nil), "an answer counts once")
			}()
			return 202, nil
		})
		a, err := w.Ask(t.Context(), request())
		require.NoError(t, err)
		assert.Equal(t, Answer{Digest: "d1", Approved: true, By: `ann\n\u202e`, Reason: "fine"}, a)
		synctest.Wait()
		assert.Empty(t, w.waiting)
	})
}

func TestWebhookRefusesBadAnswers(t *testing.T) {
	now := time.Now
	good := answered("d1", true)
	var question []byte
	var header http.Header
	tests := map[string]struct {
		code int
		try  func(w *WebhookApprover) int
	}{
		"not a post": {405, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) { r.Method = http.MethodGet })
		}},
		"too long": {413, func(w *WebhookApprover) int { return post(w, "m", now(), good+strings.Repeat(" ", maxAnswer), nil) }},
		"no signature": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) { r.Header.Del("webhook-signature") })
		}},
		"other key": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) {
				s, _ := newSigner("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 24)))
				s.sign(r.Header, "m", now(), []byte(good))
			})
		}},
		"other version": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) {
				r.Header.Set("webhook-signature", strings.Replace(r.Header.Get("webhook-signature"), "v1,", "v1a,", 1))
			})
		}},
		"other body": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), answered("d1", false), func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(good)) })
		}},
		"other id": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) { r.Header.Set("webhook-id", "n") })
		}},
		"no id":     {401, func(w *WebhookApprover) int { return post(w, "", now(), good, nil) }},
		"dotted id": {401, func(w *WebhookApprover) int { return post(w, "m.1", now(), good, nil) }},
		"other time": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) { r.Header.Set("webhook-timestamp", strconv.FormatInt(now().Unix()+1, 10)) })
		}},
		"no time": {401, func(w *WebhookApprover) int {
			return post(w, "m", now(), good, func(r *http.Request) { r.Header.Del("webhook-timestamp") })
		}},
		"too old":  {401, func(w *WebhookApprover) int { return post(w, "m", now().Add(-maxTolerance-time.Second), good, nil) }},
		"too new":  {401, func(w *WebhookApprover) int { return post(w, "m", now().Add(maxTolerance+2*time.Second), good, nil) }},
		"not JSON": {400, func(w *WebhookApprover) int { return post(w, "m", now(), "yes", nil) }},
		"other type": {400, func(w *WebhookApprover) int {
			return post(w, "m", now(), strings.Replace(good, "answered", "requested", 1), nil)
		}},
		"no verdict": {400, func(w *WebhookApprover) int {
			return post(w, "m", now(), `{"type":"approval.answered","data":{"digest":"d1"}}`, nil)
		}},
		"our own question sent back": {400, func(w *WebhookApprover) int {
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(question))
			r.Header = header
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			return rec.Code
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			var w *WebhookApprover
			w = webhook(t, func(r *http.Request, body []byte) (int, error) {
				question, header = body, r.Header.Clone()
				assert.Equal(t, tt.code, tt.try(w))
				cancel()
				return 200, nil
			})
			_, err := w.Ask(ctx, request())
			require.ErrorIs(t, err, context.Canceled, "nothing answered")
		})
	}
}

func TestWebhookTakesOneOfSeveralSignatures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var w *WebhookApprover
	w = webhook(t, func(*http.Request, []byte) (int, error) {
		assert.Equal(t, 204, post(w, "m", time.Now(), answered("d1", false), func(r *http.Request) {
			r.Header.Set("webhook-signature", "v1,AAAA v2,x "+r.Header.Get("webhook-signature"))
		}))
		return 500, nil // the answer counts all the same
	})
	a, err := w.Ask(ctx, request())
	require.NoError(t, err)
	assert.False(t, a.Approved)
}

func TestWebhookRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ids []string
		var times []time.Time
		replies := []int{0, 500, 503, 429, 408, 204}
		var w *WebhookApprover
		w = webhook(t, func(r *http.Request, _ []byte) (int, error) {
			ids = append(ids, r.Header.Get("webhook-id"))
			times = append(times, time.Now())
			status := replies[0]
			if replies = replies[1:]; status == 0 {
				return 0, errors.New("connection refused")
			}
			if status == 204 {
				go post(w, "m", time.Now(), answered("d1", true), nil)
			}
			return status, nil
		})
		a, err := w.Ask(t.Context(), request())
		require.NoError(t, err)
		assert.True(t, a.Approved)
		require.Len(t, ids, 6)
		for i := 1; i < len(ids); i++ {
			assert.Equal(t, ids[0], ids[i], "one message, whatever the attempts")
			pause, base := times[i].Sub(times[i-1]), firstRetry<<(i-1)
			assert.True(t, pause >= base/2 && pause <= base, "pause %v", pause)
		}
	})
}

func TestWebhookGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n := 0
		w := webhook(t, func(*http.Request, []byte) (int, error) { n++; return 0, errors.New("refused") })
		_, err := w.Ask(ctx, request())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.ErrorContains(t, err, "refused")
		assert.NotContains(t, err.Error(), "secret-path")
		assert.Greater(t, n, 5)
		assert.Less(t, n, 20)
		assert.Equal(t, 404, post(w, "m", time.Now(), answered("d1", true), nil), "too late")

		for _, status := range []int{400, 401, 404, 410, 301, 307} {
			n = 0
			w = webhook(t, func(*http.Request, []byte) (int, error) { n++; return status, nil })
			_, err = w.Ask(t.Context(), request())
			require.ErrorContains(t, err, strconv.Itoa(status))
			assert.Equal(t, 1, n, "neither repeated nor followed elsewhere")
		}
		q := request()
		q.Digest = ""
		_, err = w.Ask(t.Context(), q)
		require.Error(t, err)
	})
}

func TestWebhookRemembersOnlyWhatCouldCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := webhook(t, nil)
		for i := range maxSeen / 2 {
			w.seen[strconv.Itoa(i)] = time.Now()
		}
		time.Sleep(maxTolerance + time.Second)
		assert.Equal(t, 404, post(w, "m", time.Now(), answered("d1", true), nil))
		assert.Len(t, w.seen, 1)
		for i := range maxSeen {
			w.seen[strconv.Itoa(i)] = time.Now()
		}
		assert.Equal(t, 429, post(w, "n", time.Now(), answered("d1", true), nil))
	})
}

func TestWebhookSettings(t *testing.T) {
	_, err := Webhook(WebhookConfig{URL: "http://example.com", AnswerURL: "x", Secret: "whsec_c2hvcnQ=", Tolerance: time.Hour})
	for _, part := range []string{`webhook "webhook": URL must be https`, "AnswerURL is not a URL", "Secret must be", "Tolerance must be"} {
		require.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "c2hvcnQ")
	c := WebhookConfig{Name: "chat", URL: "http://127.0.0.1:1/token-in-path", Secret: secret}
	w, err := Webhook(c)
	require.NoError(t, err)
	assert.Equal(t, "chat", w.Name())
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "approver", w)
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s", c, c, c, c), fmt.Sprintf("%v %+v %#v %s", w, w, w, w), log.String()} {
		assert.Contains(t, s, "chat")
		assert.NotContains(t, s, secret[6:])
		assert.NotContains(t, s, "token-in-path")
		assert.NotContains(t, s, "48 49 50")
	}
}

// The vector of the Standard Webhooks specification's reference libraries.
func TestSignatureFormat(t *testing.T) {
	s, err := newSigner("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	h := http.Header{}
	s.sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	assert.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", h.Get("webhook-signature"))
}

func FuzzWebhookAnswer(f *testing.F) {
	w, err := Webhook(WebhookConfig{URL: "https://hooks.example", Secret: secret})
	require.NoError(f, err)
	f.Add("m", "0", "v1,AAAA", answered("d1", true), false)
	f.Add("m", "0", "", answered("d1", true), true)
	f.Fuzz(func(t *testing.T, id, timestamp, signature, body string, signed bool) {
		answers := make(chan Answer, 1)
		w.waiting = map[string]chan Answer{"d1": answers}
		w.seen = map[string]time.Time{}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header = http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {timestamp}, "Webhook-Signature": {signature}}
		if signed {
			w.signer.sign(r.Header, id, time.Now(), []byte(body))
		}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		require.Equal(t, rec.Code == http.StatusNoContent, len(answers) == 1)
		if !signed {
			require.Empty(t, answers)
		}
	})
}
