package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// openJournal opens the record.
func (s *settings) openJournal(logger *slog.Logger) (*recorder.Journal, error) {
	r := s.Record
	sinks, err := r.Checkpoints.sinks()
	if err != nil {
		return nil, err
	}
	return recorder.OpenJournal(r.Dir, recorder.Options{
		Buffered: r.Buffered, KeyFile: r.KeyFile, SegmentSize: int64(r.SegmentSize),
		CheckpointInterval: time.Duration(r.Checkpoints.Interval), Sinks: sinks, Logger: logger,
	})
}

func (c checkpointsConfig) sinks() ([]recorder.CheckpointSink, error) {
	var list []recorder.CheckpointSink
	for _, path := range c.Files {
		list = append(list, recorder.FileSink{Path: path})
	}
	for _, h := range c.HTTP {
		sink := recorder.HTTPSink{URL: h.URL}
		if h.Authorization.given() {
			value, err := h.Authorization.read()
			if err != nil {
				return nil, fmt.Errorf("record.checkpoints.http: authorization: %w", err)
			}
			sink.Header = http.Header{"Authorization": {value}}
		}
		list = append(list, sink)
	}
	return list, nil
}

// build makes the gateway. What can be changed while it runs is in the rules,
// masks, tokens and certificate; see reload.go.
func (s *settings) build(log recorder.Log, m *members, p *people, logger *slog.Logger) (*proxy.Gateway, error) {
	l := s.Limits
	b := proxy.New(s.Name).
		Logger(logger).
		Identify(m.with(s.ssh)...).
		Record(log).
		Mask(s.masks...).
		Approve(s.rules, p.approvers...).
		Limits(proxy.Limits{
			Connections: l.Connections, Sessions: l.Sessions, SessionsPerPrincipal: l.SessionsPerPrincipal,
			Handshake: time.Duration(l.Handshake), Dial: time.Duration(l.Dial), Idle: time.Duration(l.Idle),
			Operation: time.Duration(l.Operation), Stall: time.Duration(l.Stall),
			Approval: time.Duration(l.Approval), Drain: time.Duration(l.Drain), Linger: time.Duration(l.Linger),
		})
	if s.certificate != nil {
		b.Certificate(*s.certificate)
	}
	if s.Observe {
		b.Observe()
	}
	if s.Identity.OutliveExpiry {
		b.OutliveExpiry()
	}
	// Listeners that are alike share a plugin, and with it one SQL parser.
	plugins := map[postgresListener]*postgres.Plugin{}
	secureShell := ssh.New(s.sshSettings())
	clouds := map[awsListener]*aws.Plugin{}
	for _, from := range s.Listeners {
		targets := s.targetsOf(from)
		switch from.protocol() {
		case "ssh":
			b.Listen(from.Address, secureShell, targets[0], targets[1:]...)
			continue
		case "aws":
			kind := s.awsListener(from)
			if clouds[kind] == nil {
				clouds[kind] = aws.New(s.awsSettings(kind, m.aws))
			}
			b.Listen(from.Address, clouds[kind], targets[0], targets[1:]...)
			continue
		}
		kind := postgresListener{from.scheme(), from.requireTLS()}
		if plugins[kind] == nil {
			plugins[kind] = s.plugin(kind)
		}
		b.Listen(from.Address, plugins[kind], targets[0], targets[1:]...)
	}
	return b.Build()
}

func (l listenerConfig) protocol() string { return cmp.Or(l.Protocol, "postgres") }

// postgresListener is what a listener can choose for its clients.
type postgresListener struct {
	scheme     postgres.Scheme
	requireTLS bool
}

func (l listenerConfig) scheme() postgres.Scheme {
	switch l.Scheme {
	case "scram":
		return postgres.SchemeSCRAM
	case "token":
		return postgres.SchemeToken
	}
	return postgres.SchemeAuto
}

func (s *settings) plugin(l postgresListener) *postgres.Plugin {
	p := s.Postgres
	return postgres.New(postgres.Config{
		Login: s.login, Scheme: l.scheme, RequireTLS: l.requireTLS,
		MaxStatement: int(p.MaxStatement), MaxRow: int(p.MaxRow), MaxBatch: p.MaxBatch,
		LoginTimeout: time.Duration(p.LoginTimeout), ParserWait: time.Duration(p.ParserWait), Parsers: p.Parsers,
	})
}

func (s *settings) targetsOf(l listenerConfig) []protocol.Target {
	var list []protocol.Target
	for _, name := range l.Targets {
		t := s.target(name)
		tls := protocol.TargetTLS{CAFile: t.TLS.CA, ServerName: t.TLS.ServerName}
		if t.TLS.Mode == "disable" {
			tls.Mode = protocol.TLSDisable
		}
		target := protocol.Target{Name: t.Name, Address: t.Address, Database: t.Database}
		if l.protocol() == "aws" {
			target = t.awsTarget()
		}
		target.TLS = tls
		list = append(list, target)
	}
	return list
}

func (s *settings) target(name string) targetConfig {
	for _, t := range s.Targets {
		if t.Name == name {
			return t
		}
	}
	return targetConfig{}
}

// login reads a target's credential for each session, so that a password or
// certificate in a file can be changed without a restart.
func (s *settings) login(_ context.Context, _ identity.Principal, target protocol.Target) (postgres.Login, error) {
	l := s.target(target.Name).Login
	login := postgres.Login{User: l.User}
	if l.Password.given() {
		password, err := l.Password.read()
		if err != nil {
			return login, fmt.Errorf("target %q: login.password: %w", target.Name, err)
		}
		login.Password = postgres.NewSecret(password)
	}
	if l.Cert != "" {
		pair, err := tls.LoadX509KeyPair(l.Cert, l.Key)
		if err != nil {
			return login, fmt.Errorf("target %q: login.cert: %w", target.Name, err)
		}
		login.Certificate = &pair
	}
	return login, nil
}
