package ssh

import (
	"encoding/binary"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/command"
)

// streams says what the streams of a command are.
type streams struct {
	terminal bool // a person's keyboard and screen
	files    bool // the contents of files: scp, rsync, git
	sftp     bool // SFTP packets
}

// operation makes the head of what a channel is to run.
func (ch *sessionChannel) operation(kind, text string) (protocol.Operation, streams) {
	op := protocol.Operation{Verb: kind, Text: text, Effects: protocol.Everything}
	ch.mu.Lock()
	is := streams{terminal: ch.terminal != nil}
	terminal := ch.terminal
	ch.mu.Unlock()
	switch kind {
	case "exec":
		line := command.Parse(text, terminal != nil)
		op.Verb, op.Effects, op.Objects, op.Remark = line.Verb, line.Effects, line.Objects, line.Remark
		switch line.Verb {
		case "scp.upload", "scp.download", "rsync.upload", "rsync.download", "git.push", "git.fetch":
			is.files = true
		case "sftp":
			is.sftp = true
		}
	case "shell":
		op.Text = "login shell"
	case "subsystem":
		if text == "sftp" {
			op.Verb, op.Effects, is.sftp = "sftp", 0, true
			break
		}
		op.Objects = []protocol.Object{{Kind: "subsystem", Name: text, Effects: protocol.Everything}}
	}
	key := [][]byte{[]byte("ssh"), []byte(kind), []byte(text)}
	if terminal != nil {
		op.Params = append(op.Params,
			protocol.Param{Name: "TERM", Type: "pty", Value: clip(terminal.Term, 200)},
			protocol.Param{Name: "columns", Type: "pty", Value: strconv.FormatUint(uint64(terminal.Columns), 10)},
			protocol.Param{Name: "rows", Type: "pty", Value: strconv.FormatUint(uint64(terminal.Rows), 10)})
		key = append(key, []byte("pty"))
	}
	for _, e := range ch.env {
		op.Params = append(op.Params, protocol.Param{Name: e.Name, Type: "env", Value: e.Value})
		key = append(key, []byte(e.Name), []byte(e.Value))
	}
	op.Key = protocol.OperationKey(append(key, binary.BigEndian.AppendUint32(nil, uint32(len(ch.env))))...)
	ch.hide(&op)
	return op, is
}

// hide overwrites secrets in what is recorded and shown; the target gets what
// the client sent.
func (ch *sessionChannel) hide(op *protocol.Operation) {
	masks := ch.c.s.Masks()
	hide := func(s *string) bool {
		b := []byte(*s)
		if masks.Redact(b) == 0 {
			return false
		}
		*s = string(b)
		return true
	}
	hide(&op.Text)
	for i := range op.Params {
		if hide(&op.Params[i].Value) {
			op.Params[i].Masked = true
		}
	}
	for i := range op.Objects {
		if o := &op.Objects[i]; o.Kind == "url" || o.Kind == "host" {
			hide(&o.Name)
		}
	}
}
