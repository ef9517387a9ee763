package sftp

import (
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// digester digests content of one direction beside everything else, in order.
// It has the batches until they are digested.
type digester struct {
	jobs chan job
	from *source
}

// job is a run of packets with content, or the end of a batch.
type job struct {
	h     *handle
	to    *extents
	data  []byte
	at    []uint64 // where in the file; nil where the packets say so
	batch []byte
}

func newDigester(from *source) *digester { return &digester{jobs: make(chan job, 16), from: from} }

// add has the content of whole packets digested. They must stay as they are
// until their batch is done.
func (d *digester) add(h *handle, to *extents, data []byte, at []uint64) {
	h.digesting.Add(1)
	d.jobs <- job{h: h, to: to, data: data, at: at}
}

// done gives a batch back when what is in it has been digested.
func (d *digester) done(batch []byte) { d.jobs <- job{batch: batch} }

// run works until jobs is closed.
func (d *digester) run() {
	for j := range d.jobs {
		if j.batch != nil {
			d.from.done(j.batch)
			continue
		}
		j.digest()
		j.h.digesting.Done()
	}
}

func (j *job) digest() {
	var q wire.Request
	var a wire.Response
	for i, rest := 0, j.data; len(rest) > 0; i++ {
		packet, _, err := wire.Next(rest)
		if err != nil {
			return // it was whole when it was gathered
		}
		rest = rest[len(packet):]
		if j.at == nil {
			if wire.DecodeRequest(packet, &q) == nil {
				j.to.add(q.Offset, q.Data)
			}
		} else if wire.DecodeResponse(packet, &a) == nil {
			j.to.add(j.at[i], a.Data)
		}
	}
}
