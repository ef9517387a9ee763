package main

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// A command is one request of a client: its name in lower case and all of its
// words, the name included.
type command struct {
	name  string
	words [][]byte
	size  int64 // on the wire
	long  bool  // words were dropped because the whole is over the cap
}

// keysAt tells which words of a command are keys.
type keysAt uint8

const (
	noKeys  keysAt = iota
	oneKey         // the first word after the name
	allKeys        // every word after the name
	oddKeys        // the first, the third, …: MSET
)

// meaning is what the gateway knows about a command.
type meaning struct {
	effects protocol.Effects
	keys    keysAt
	refuse  string
}

const (
	noTransaction = "transactions are not supported: between MULTI and EXEC nothing could be denied alone; use commands that are atomic by themselves"
	noPush        = "messages that nobody asked for are not supported; poll with LRANGE or XRANGE"
	noMonitor     = "MONITOR shows what other clients do, past every mask; look into the gateway's record instead"
)

// lookup returns what a command means. What is not listed is refused: a
// gateway that guesses is a gateway that can be talked round.
func lookup(name string) meaning {
	switch name {
	case "ping", "echo", "command":
		return meaning{}
	case "get", "strlen", "ttl", "type", "lrange", "llen", "hget", "hgetall", "smembers", "zrange":
		return meaning{protocol.Read, oneKey, ""}
	case "mget", "exists":
		return meaning{protocol.Read, allKeys, ""}
	case "keys", "scan", "dbsize", "info":
		return meaning{protocol.Read, noKeys, ""}
	case "set", "setex", "append", "lpush", "rpush", "hset", "sadd", "zadd":
		return meaning{protocol.Write, oneKey, ""}
	case "expire": // at once, if the time is negative
		return meaning{protocol.Write | protocol.Destroy, oneKey, ""}
	case "mset":
		return meaning{protocol.Write, oddKeys, ""}
	case "getset", "incr", "decr", "incrby": // they answer with the value
		return meaning{protocol.Read | protocol.Write, oneKey, ""}
	case "del", "unlink":
		return meaning{protocol.Destroy, allKeys, ""}
	case "getdel", "lpop", "rpop", "spop":
		return meaning{protocol.Read | protocol.Destroy, oneKey, ""}
	case "flushall", "flushdb":
		return meaning{protocol.Destroy, noKeys, ""}
	case "eval", "evalsha", "script", "function", "fcall":
		return meaning{protocol.Everything, noKeys, ""} // the script may do anything
	case "multi", "exec", "discard", "watch", "unwatch":
		return meaning{protocol.Everything, noKeys, noTransaction}
	case "subscribe", "psubscribe", "ssubscribe", "unsubscribe", "publish":
		return meaning{protocol.Everything, noKeys, noPush}
	case "monitor":
		return meaning{protocol.Everything, noKeys, noMonitor}
	}
	return meaning{protocol.Everything, noKeys, "this gateway does not know the command, so it does not pass it on"}
}

// operation says what a command asks for, in the words that rules, people and
// the record use. What masks hide is hidden in it; the key is over what was sent.
func (c *command) operation(masks *mask.Set) protocol.Operation {
	m := lookup(c.name)
	if c.name == "set" && c.has("get") { // SET key value GET answers with the old value
		m.effects |= protocol.Read
	}
	op := protocol.Operation{Verb: c.name, Effects: m.effects, Refuse: m.refuse, Key: protocol.OperationKey(c.words...)}
	if c.long {
		op.Effects, op.Remark = protocol.Everything, "only the beginning is shown"
		op.Refuse = "the command has " + strconv.FormatInt(c.size, 10) + " bytes, which is more than this gateway judges"
	}
	var text strings.Builder
	for i, w := range c.words {
		w = bytes.Clone(w)
		masks.Redact(w)
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(quoted(w))
		if i > 0 && m.isKey(i) {
			op.Objects = append(op.Objects, protocol.Object{Kind: "key", Name: string(w), Effects: m.effects, Resolved: true})
		}
	}
	op.Text = text.String()
	return op
}

// has reports whether an option stands behind key and value.
func (c *command) has(option string) bool {
	for i := 3; i < len(c.words); i++ {
		if strings.EqualFold(string(c.words[i]), option) {
			return true
		}
	}
	return false
}

func (m *meaning) isKey(word int) bool {
	switch m.keys {
	case oneKey:
		return word == 1
	case allKeys:
		return true
	case oddKeys:
		return word%2 == 1
	}
	return false
}

// quoted returns a word as redis-cli takes it.
func quoted(w []byte) string {
	for _, c := range w {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\'' || c == '\\' {
			return strconv.Quote(string(w))
		}
	}
	if len(w) == 0 {
		return `""`
	}
	return string(w)
}

// encode appends the command as it goes to the target.
func (c *command) encode(dst []byte) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(c.words)), 10)
	dst = append(dst, "\r\n"...)
	for _, w := range c.words {
		dst = append(dst, '$')
		dst = strconv.AppendInt(dst, int64(len(w)), 10)
		dst = append(dst, "\r\n"...)
		dst = append(dst, w...)
		dst = append(dst, "\r\n"...)
	}
	return dst
}
