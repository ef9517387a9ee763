package sftp

import (
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// slot is a request that the target has to answer. One of h, op and reply is
// set.
type slot struct {
	used   bool
	round  uint32 // how often the slot was used before
	kind   wire.Kind
	client uint32 // the client's id

	h     *handle // what the client asked of a handle
	n     uint32  // how much Read asked for, or Write wrote
	at    uint64  // where in the file
	op    *operation
	reply chan []byte // the gateway's own
}

// table has what the target owes. The target gets ids of the table's: slot and
// round, so that an answer that comes twice is none. The caller locks.
type table struct {
	slots []slot
	free  []uint32
	used  int
}

const (
	slotBits = 12
	slotMask = 1<<slotBits - 1
	// maxSlots holds what clients may have under way and the look-ups for it.
	maxSlots = maxRequests + 4*maxNamed
)

// enter takes a slot and returns the id for the target; false means that there
// is none, which the bounds on what is under way exclude.
func (t *table) enter(s slot) (uint32, bool) {
	var i uint32
	if n := len(t.free); n > 0 {
		i, t.free = t.free[n-1], t.free[:n-1]
	} else {
		if len(t.slots) >= maxSlots {
			return 0, false
		}
		i = uint32(len(t.slots))
		t.slots = append(t.slots, slot{})
	}
	s.used, s.round = true, t.slots[i].round
	t.slots[i] = s
	t.used++
	return s.round<<slotBits | i, true
}

// take frees the slot of an id and returns what was in it.
func (t *table) take(id uint32) (slot, bool) {
	i := id & slotMask
	if i >= uint32(len(t.slots)) {
		return slot{}, false
	}
	s := t.slots[i]
	if !s.used || s.round<<slotBits != id&^slotMask {
		return slot{}, false
	}
	t.slots[i] = slot{round: s.round + 1}
	t.free = append(t.free, i)
	t.used--
	return s, true
}

// leave empties the table.
func (t *table) leave() []slot {
	var owed []slot
	for _, s := range t.slots {
		if s.used {
			owed = append(owed, s)
		}
	}
	*t = table{}
	return owed
}

// expects reports whether a target may answer a request with a response of
// kind and code. What has more to say than that it worked must say it.
func expects(request, response wire.Kind, code wire.Code) bool {
	var want wire.Kind
	switch request {
	case wire.Open, wire.Opendir:
		want = wire.Handle
	case wire.Read:
		want = wire.Data
	case wire.Readdir, wire.Realpath, wire.Readlink, wire.ExpandPath, wire.HomeDirectory:
		want = wire.Name
	case wire.Lstat, wire.Fstat, wire.Stat:
		want = wire.Attributes
	case wire.Statvfs, wire.Fstatvfs, wire.Limits, wire.UsersGroups:
		want = wire.ExtendedReply
	default:
		return response == wire.Status
	}
	return response == want || response == wire.Status && code != wire.OK
}
