package ssh

import (
	"sync"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp"
)

// sftp carries a subsystem whose requests are operations of their own.
func (m *process) sftp() {
	ch := m.ch
	var words sync.WaitGroup
	words.Go(func() { m.output(m.to.Stderr(), ch.client.Stderr(), "stderr") })
	err := sftp.Relay(ch.ctx, ch.c.s, m.x.ID(), ch.client, m.to, sftp.Options{Content: ch.c.config.FileBytes, Waiting: ch.waiting})
	if err != nil {
		ch.c.s.Logger().Warn("SFTP ended early", "operation", m.x.Name(), "error", err)
		m.broken(err)
	}
	e := <-m.results
	words.Wait()
	m.finish(e)
}
