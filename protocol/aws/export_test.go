package aws

import (
	"context"
	"time"
)

// TellEvery sets how often waiting clients are told that they wait; it is
// called before the first call.
func (p *Plugin) TellEvery(d time.Duration) { p.room.every = d }

// WaitForAnswers sets how long calls wait for room for their answers; it is
// called before the first call.
func (p *Plugin) WaitForAnswers(d time.Duration) { p.answers.patience = d }

// FillAnswers takes all the room for answers of an access key.
func (p *Plugin) FillAnswers(key string) error {
	_, err := p.answers.take(context.Background(), key, p.answers.limit)
	return err
}
