package recorder

import (
	"time"
)

// plan has the keeper see to a sync and a checkpoint. mu is held.
func (j *Journal) plan() {
	kick := false
	if !j.syncPlanned && j.written > j.synced {
		j.syncPlanned, kick = true, true
	}
	if !j.headsPlanned && len(j.dirty) > 0 {
		j.headsPlanned, kick = true, true
	}
	if !j.urgentPlanned && j.headsUrgent {
		j.urgentPlanned, kick = true, true
	}
	if kick {
		select {
		case j.kick <- struct{}{}:
		default:
		}
	}
}

// keep syncs what nobody waited for, and makes checkpoints.
func (j *Journal) keep() {
	defer close(j.kept)
	var syncAt, headsAt, lastHeads time.Time
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-j.stop:
			return
		case <-j.kick:
		case <-timer.C:
		}
		now := time.Now()
		if !syncAt.IsZero() && !now.Before(syncAt) {
			syncAt = time.Time{}
			j.mu.Lock()
			j.syncPlanned = false
			_ = j.await(j.written, true) // its failure is the journal's
			j.mu.Unlock()
		}
		if !headsAt.IsZero() && !now.Before(headsAt) {
			headsAt, lastHeads = time.Time{}, now
			_, _ = j.sign() // its failure is the journal's
		}
		j.mu.Lock()
		if j.syncPlanned && syncAt.IsZero() {
			syncAt = now.Add(j.opts.SyncInterval)
		}
		if j.headsPlanned && headsAt.IsZero() {
			headsAt = now.Add(j.opts.CheckpointInterval)
		}
		if j.urgentPlanned {
			soon := now
			if spaced := lastHeads.Add(checkpointSpacing); spaced.After(soon) {
				soon = spaced
			}
			if headsAt.IsZero() || soon.Before(headsAt) {
				headsAt = soon
			}
		}
		failed := j.err != nil
		j.mu.Unlock()
		wait := time.Hour
		if !failed {
			for _, at := range []time.Time{syncAt, headsAt} {
				if !at.IsZero() {
					wait = min(wait, max(0, time.Until(at)))
				}
			}
		}
		timer.Reset(wait)
	}
}
