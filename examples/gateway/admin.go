package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/proxy"
)

// admin is the operator's HTTP interface: on loopback with a token, or on a
// Unix socket that only the gateway's own user may open.
//
//	GET    /ready            200 or 503; the reasons only to who has the token
//	GET    /sessions         the open sessions, as JSON
//	DELETE /sessions/{id}    ends one; ?reason= is told to the client
//	POST   /reload           what SIGHUP does, with the answer
type admin struct {
	gw     *proxy.Gateway
	reload func(context.Context) error
	token  string // empty on a Unix socket
	logger *slog.Logger

	mu     sync.Mutex // readiness is asked by many; the targets are not
	asked  time.Time
	answer error
}

// readyFor is how long an answer about readiness holds.
const readyFor = time.Second

func (a *admin) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", a.ready)
	mux.HandleFunc("GET /sessions", a.only(a.sessions))
	mux.HandleFunc("DELETE /sessions/{id}", a.only(a.end))
	mux.HandleFunc("POST /reload", a.only(a.doReload))
	return mux
}

// known reports whether a request has the token.
func (a *admin) known(r *http.Request) bool {
	if a.token == "" {
		return true
	}
	got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	x, y := sha256.Sum256([]byte(got)), sha256.Sum256([]byte(a.token))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1 && ok
}

func (a *admin) only(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.known(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "give the admin token: Authorization: Bearer …", http.StatusUnauthorized)
			return
		}
		next(w, r)
	}
}

func (a *admin) ready(w http.ResponseWriter, r *http.Request) {
	err := a.isReady(r.Context())
	switch {
	case err == nil:
		fmt.Fprintln(w, "ready")
	case a.known(r):
		http.Error(w, "not ready: "+err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, "not ready", http.StatusServiceUnavailable)
	}
}

func (a *admin) isReady(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if time.Since(a.asked) < readyFor {
		return a.answer
	}
	// Not the request's context: others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	a.answer = a.gw.Ready(ctx)
	a.asked = time.Now()
	return a.answer
}

func (a *admin) sessions(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(a.gw.Sessions())
}

func (a *admin) end(w http.ResponseWriter, r *http.Request) {
	why := r.URL.Query().Get("reason")
	if why == "" {
		why = "no reason given"
	}
	if !a.gw.End(r.PathValue("id"), why) {
		http.Error(w, "there is no such session", http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *admin) doReload(w http.ResponseWriter, r *http.Request) {
	if err := a.reload(r.Context()); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
