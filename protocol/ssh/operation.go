package ssh

import (
	"encoding/binary"
	"strconv"
	"strings"

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
	is := streams{terminal: ch.terminal != nil} // and then nothing else: a terminal changes what passes it
	terminal := ch.terminal
	ch.mu.Unlock()
	switch kind {
	case "exec":
		line := command.Parse(text, terminal != nil)
		op.Verb, op.Effects, op.Objects, op.Remark = line.Verb, line.Effects, line.Objects, line.Remark
		switch line.Verb {
		case "scp.upload", "scp.download", "rsync.upload", "rsync.download", "git.push", "git.fetch":
			is.files = !is.terminal
		case "sftp":
			is.sftp = true
		}
		switch {
		case text == "":
			op.Verb, op.Effects, op.Remark = "shell", protocol.Everything, "no command: servers do not agree on what that is"
		case strings.IndexByte(text, 0) >= 0:
			op.Refuse = "a command holds no NUL"
		}
	case "shell":
		op.Text = "login shell"
	case "subsystem":
		if text == "sftp" {
			op.Verb, op.Effects, is.sftp = "sftp", 0, true
			break
		}
		op.Objects = []protocol.Object{{Kind: "subsystem", Name: text, Effects: protocol.Everything}}
		if !graphic(text) || text == "" {
			op.Refuse = "this is no name of a subsystem"
		}
	}
	if is.sftp && is.terminal {
		op.Refuse = "files are moved without a terminal; leave out -t"
	}
	key := [][]byte{[]byte("ssh"), []byte(kind), []byte(text)}
	if terminal != nil {
		op.Params = append(op.Params,
			protocol.Param{Name: "TERM", Type: "pty", Value: terminal.Term},
			protocol.Param{Name: "columns", Type: "pty", Value: strconv.FormatUint(uint64(terminal.Columns), 10)},
			protocol.Param{Name: "rows", Type: "pty", Value: strconv.FormatUint(uint64(terminal.Rows), 10)},
			protocol.Param{Name: "modes", Type: "pty", Raw: []byte(terminal.Modes)})
		key = append(key, []byte("pty"), []byte(terminal.Term), []byte(terminal.Modes))
	}
	for _, e := range ch.env {
		op.Params = append(op.Params, protocol.Param{Name: e.Name, Type: "env", Value: e.Value})
		key = append(key, []byte(e.Name), []byte(e.Value))
	}
	for _, name := range ch.dropped {
		op.Params = append(op.Params, protocol.Param{Name: name, Type: "env, dropped"})
	}
	op.Key = protocol.OperationKey(append(key, binary.BigEndian.AppendUint32(nil, uint32(len(ch.env))))...)
	ch.c.hide(&op)
	return op, is
}

// hide overwrites secrets in what is recorded and shown; the target gets what
// the client sent. What is judged has them hidden too, so a name with one counts
// as not known.
func (c *connection) hide(op *protocol.Operation) {
	masks := c.s.Masks()
	hide := func(s *string) bool {
		b := []byte(*s)
		if masks.Redact(b) == 0 {
			return false
		}
		*s = string(b)
		return true
	}
	hide(&op.Text)
	hide(&op.Remark)
	for i := range op.Params {
		hide(&op.Params[i].Name)
		if hide(&op.Params[i].Value) {
			op.Params[i].Masked = true
		}
	}
	for i := range op.Objects {
		if o := &op.Objects[i]; hide(&o.Name) {
			o.Effects |= protocol.Opaque
			op.Effects |= protocol.Opaque
		}
	}
}
