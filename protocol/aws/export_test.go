package aws

import "time"

// TellEvery sets how often waiting clients are told that they wait; it is
// called before the first call.
func (p *Plugin) TellEvery(d time.Duration) { p.room.every = d }
