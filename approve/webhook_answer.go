package approve

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

const (
	maxAnswer = 16 << 10 // bytes of an answer's body
	maxID     = 256
	maxSeen   = 100_000 // ids remembered; more answers than that are refused
)

// ServeHTTP takes an answer. It replies 204 where the answer counts, and else
// with a code and a word that say nothing of what is waiting: 401 for a wrong
// signature or timestamp, 409 for one that came before, 404 where no question
// of its digest waits (any more), 400 where it is not an answer.
func (w *WebhookApprover) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		rw.Header().Set("Allow", http.MethodPost)
		http.Error(rw, "post an answer", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxAnswer))
	if err != nil {
		http.Error(rw, "the answer is too long or broke off", http.StatusRequestEntityTooLarge)
		return
	}
	now := time.Now()
	id, at, ok := w.signer.verify(r.Header, body)
	if age := now.Sub(at); !ok || age > w.tolerance || age < -w.tolerance {
		http.Error(rw, "the signature or the timestamp is wrong", http.StatusUnauthorized)
		return
	}
	// From here on the sender has the secret.
	var message struct {
		Type string `json:"type"`
		Data struct {
			Digest   string `json:"digest"`
			Approved *bool  `json:"approved"`
			By       string `json:"by"`
			Reason   string `json:"reason"`
		} `json:"data"`
	}
	// The type also keeps our own questions, which the secret signs as well,
	// from being sent back to us.
	if err := json.Unmarshal(body, &message); err != nil || message.Type != "approval.answered" || message.Data.Approved == nil {
		http.Error(rw, "this is no answer", http.StatusBadRequest)
		return
	}
	a := Answer{
		Digest: message.Data.Digest, Approved: *message.Data.Approved,
		By: cut(oneLine(message.Data.By), maxValue), Reason: cut(protocol.Visible(message.Data.Reason), maxValue),
	}
	if a.By == "" {
		a.By = w.name
	}
	switch w.take(id, at, now, a) {
	case taken:
		rw.WriteHeader(http.StatusNoContent)
	case replayed:
		http.Error(rw, "this message came before", http.StatusConflict)
	case crowded:
		http.Error(rw, "too many messages", http.StatusTooManyRequests)
	case unknown:
		http.Error(rw, "no such question waits", http.StatusNotFound)
	}
}

type taking int

const (
	taken taking = iota
	replayed
	crowded
	unknown
)

// take hands an answer to the question that waits for it, once.
func (w *WebhookApprover) take(id string, at, now time.Time, a Answer) taking {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, there := w.seen[id]; there {
		return replayed
	}
	if len(w.seen) >= maxSeen/2 {
		for old, at := range w.seen {
			if now.Sub(at) > w.tolerance {
				delete(w.seen, old)
			}
		}
		if len(w.seen) >= maxSeen {
			return crowded
		}
	}
	w.seen[id] = at
	answers, there := w.waiting[a.Digest]
	if !there {
		return unknown
	}
	delete(w.waiting, a.Digest)
	answers <- a // it has room for one, and gets no more
	return taken
}

// signer signs and verifies messages in the Standard Webhooks format. The
// secret stays in a closure, out of reach of every kind of printing.
type signer struct {
	mac func(id, timestamp string, body []byte) []byte
}

func newSigner(secret string) (signer, error) {
	encoded, ok := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < 24 || len(key) > 64 {
		return signer{}, errors.New(`must be "whsec_" and the base64 of 24 to 64 random bytes`)
	}
	return signer{func(id, timestamp string, body []byte) []byte {
		h := hmac.New(sha256.New, key)
		io.WriteString(h, id+"."+timestamp+".")
		h.Write(body)
		return h.Sum(nil)
	}}, nil
}

func (s signer) sign(h http.Header, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(s.mac(id, timestamp, body)))
}

// verify returns the message's id and time if one of its signatures is right.
func (s signer) verify(h http.Header, body []byte) (id string, at time.Time, ok bool) {
	id, timestamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || id == "" || len(id) > maxID || strings.Contains(id, ".") {
		return "", time.Time{}, false
	}
	want := s.mac(id, timestamp, body)
	signatures := strings.Fields(h.Get("webhook-signature"))
	for _, signature := range signatures[:min(len(signatures), 8)] {
		encoded, v1 := strings.CutPrefix(signature, "v1,")
		got, err := base64.StdEncoding.DecodeString(encoded)
		if v1 && err == nil && hmac.Equal(got, want) {
			ok = true
		}
	}
	return id, time.Unix(seconds, 0), ok
}
