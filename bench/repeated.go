//go:build linux

package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// repeated is something small that is done over and over.
type repeated struct {
	name     string // of the unit, for the figures
	during   time.Duration
	parallel int
	once     func() error
}

// measure adds to a section how often it can be done through a leg, how long
// it takes, and what it costs the process in the middle, if there is one.
func (r repeated) measure(ctx context.Context, s *section, leg string, m *middle) error {
	used := func() (time.Duration, error) {
		if m == nil {
			return 0, nil
		}
		return cpu(m.pid)
	}
	// A few first: what connections cost is not measured here.
	if _, err := r.run(ctx, 300*time.Millisecond); err != nil {
		return err
	}
	before, err := used()
	if err != nil {
		return err
	}
	start := time.Now()
	took, err := r.run(ctx, r.during)
	if err != nil {
		return err
	}
	all := time.Since(start)
	after, err := used()
	if err != nil {
		return err
	}
	slices.Sort(took)
	s.add(leg, r.name+"/s", float64(len(took))/all.Seconds())
	s.add(leg, "p50 ms", quantile(took, 0.50))
	s.add(leg, "p99 ms", quantile(took, 0.99))
	if m != nil {
		s.add(leg, "CPU ms/"+r.name, ms(after-before)/float64(len(took)))
	}
	return nil
}

// run does it for a time and returns how many milliseconds each took.
func (r repeated) run(ctx context.Context, during time.Duration) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	var mu sync.Mutex
	var all []float64
	var failed error
	var wg sync.WaitGroup
	for range r.parallel {
		wg.Go(func() {
			var took []float64
			var err error
			for err == nil && ctx.Err() == nil {
				start := time.Now()
				if err = r.once(); err == nil {
					took = append(took, ms(time.Since(start)))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	return all, failed
}
