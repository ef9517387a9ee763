package proxy

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// grant counts what streams in one direction against what was admitted.
type grant struct {
	passed int64
	over   *protocol.Denied // what every further part is answered with
}

// within returns nil where p is within what x was admitted for. The first part
// that is not leaves a note in the record.
func (x *exchange) within(g *grant, p *protocol.Part) error {
	if x.most == 0 {
		return nil
	}
	if g.over != nil {
		return g.over
	}
	n := p.Content
	if n == 0 {
		n = int64(len(p.Data))
	}
	if n = max(n, 0); g.passed+n <= x.most {
		g.passed += n
		return nil
	}
	d := protocol.Decision{
		Verdict: protocol.Deny, Rule: x.rule, Policy: x.s.gw.rules.Load().digest, MaxBytes: x.most,
		Reason: fmt.Sprintf("it has more than the %d bytes that are allowed", x.most),
	}
	if err := x.s.record(recorder.Taken, &recorder.Event{Kind: recorder.KindNote, Exchange: x.id, Note: &recorder.Note{Kind: "limit", Text: d.Reason}}); err != nil {
		return err
	}
	g.over = &protocol.Denied{ID: x.Name(), Decision: d}
	x.s.metrics.decided(d.Verdict)
	x.s.logger.Warn("operation exceeds its limit", "operation", x.Name(), "rule", d.Rule, "max_bytes", x.most)
	return g.over
}
