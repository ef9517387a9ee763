package aws

import (
	"context"
	"time"
)

// TellEvery sets how often waiting clients are told that they wait; it is
// called before the first call.
func (p *Plugin) TellEvery(d time.Duration) { p.room.every = d }

// FillAnswers takes all the room for answers of an access key; who waits for
// it does so for a moment only.
func (p *Plugin) FillAnswers(key string) error {
	p.answers.patience = 100 * time.Millisecond
	_, err := p.answers.take(context.Background(), key, p.answers.limit)
	return err
}
