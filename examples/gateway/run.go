package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// newLogger returns the operator's log.
func (l logConfig) newLogger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.Level(l.Level)}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// run serves until ctx ends. Each value from hup reloads the configuration.
func run(ctx context.Context, s *settings, hup <-chan os.Signal, logger *slog.Logger) (err error) {
	for _, name := range s.expired(time.Now()) {
		logger.Warn("a token or key has ended", "name", name)
	}
	journal, err := s.openJournal(logger)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	members, err := s.members()
	if err != nil {
		return err
	}
	people, err := s.people(logger)
	if err != nil {
		return err
	}

	for _, l := range s.Listeners {
		removeStale(l.Address)
	}
	gw, err := s.build(journal, members, people, logger)
	if err != nil {
		return err
	}
	defer gw.Close()

	r := &reloader{started: s, gw: gw, members: members, logger: logger}
	var reloading sync.Mutex
	reload := func(ctx context.Context) error {
		reloading.Lock()
		defer reloading.Unlock()
		err := r.reload(ctx)
		if err != nil {
			logger.Error("the configuration was not reloaded", "error", err)
		}
		return err
	}
	if s.Admin.Listen != "" {
		a := &admin{gw: gw, reload: reload, logger: logger}
		if s.Admin.Token.given() {
			if a.token, err = s.Admin.Token.read(); err != nil {
				return fmt.Errorf("admin.token: %w", err)
			}
		}
		stop, err := serve(s.Admin.Listen, a.handler(), logger)
		if err != nil {
			return fmt.Errorf("admin.listen: %w", err)
		}
		defer stop()
	}
	if people.answers != nil {
		stop, err := serve(s.Approvers.Answers, people.answers, logger)
		if err != nil {
			return fmt.Errorf("approvers.answers: %w", err)
		}
		defer stop()
	}
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				_ = reload(ctx)
			}
		}
	})
	return gw.Serve(ctx)
}
