package recorder

import (
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint makes a checkpoint now, if anything changed since the last one,
// and returns the newest. What Append returned before is in it.
func (j *Journal) Checkpoint() (Checkpoint, error) {
	if err := j.Ready(); err != nil {
		return Checkpoint{}, err
	}
	return j.sign()
}

// sign makes what was appended durable, then the heads of the sessions that
// changed, then a checkpoint over them: in this order, so that a checkpoint
// never says more than the disk holds.
func (j *Journal) sign() (Checkpoint, error) {
	j.headMu.Lock()
	defer j.headMu.Unlock()

	j.mu.Lock()
	j.headsPlanned, j.headsUrgent, j.urgentPlanned = false, false, false
	changed := j.dirty
	j.dirty = nil
	heads := make([]head, len(changed))
	for i, s := range changed {
		s.dirty = false
		heads[i] = head{s.id, s.tree.size, s.tree.root(), s.closed}
	}
	events := j.pos
	err := j.await(j.appended, true)
	if err == nil {
		err = j.err
	}
	j.mu.Unlock()
	if err != nil {
		return j.checkpoint, err
	}
	// Heads that a gateway before wrote and did not sign any more are signed
	// now.
	if len(changed) == 0 && j.heads.tree.size == j.checkpoint.Size {
		return j.checkpoint, nil
	}
	c, err := j.addHeads(heads, events)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.fail(err)
		return j.checkpoint, j.err
	}
	for i, s := range changed {
		s.headed = heads[i].size
		if heads[i].closed {
			delete(j.sessions, s.id)
			if j.recent == s {
				j.recent = nil
			}
		}
	}
	j.checkpoint = c
	for _, s := range j.senders {
		s.offer(c)
	}
	return c, nil
}

// addHeads adds leaves to the journal's tree and signs what it is then.
func (j *Journal) addHeads(heads []head, events uint64) (Checkpoint, error) {
	if err := j.heads.add(heads); err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{
		Origin: j.signer.Name(), Size: j.heads.tree.size, Root: j.heads.tree.root(),
		Time: time.Now().UTC(), Events: events, Previous: j.checkpoint.hash(),
	}
	signed, err := note.Sign(&note.Note{Text: c.text()}, j.signer)
	if err != nil {
		return c, err
	}
	c.Note = signed
	if _, err := j.marks.Write(append(signed[:len(signed):len(signed)], '\n')); err != nil {
		return c, err
	}
	return c, j.marks.Sync()
}
