package protocol

import (
	"crypto/sha256"
	"encoding/binary"
)

// Operation is the head of one thing asked of the target: whole, bounded and
// decoded before it is judged. The engine takes a copy at [Session.Begin];
// Text, Params and Objects are what is recorded and shown to people, so a
// plugin masks secrets in them first. What is forwarded is the plugin's own
// bytes, not these.
type Operation struct {
	// Verb is what rules match on, lower case, with the protocol's family
	// where it helps: "select", "copy in", "exec", "sftp.open", "s3:GetObject".
	Verb string `json:"verb"`
	// Text is what a reviewer reads.
	Text string `json:"text,omitempty"`
	// Params are the operation's parameters, decoded where their types are known.
	Params []Param `json:"params,omitempty"`
	// Effects is what the operation may do in all.
	Effects Effects `json:"effects"`
	// Objects is what the operation touches, as far as it is known.
	Objects []Object `json:"objects,omitempty"`
	// Parent is the exchange that this operation is a part of; zero for none.
	Parent ExchangeID `json:"parent,omitempty"`
	// Origin is who asks; the zero value is the client.
	Origin Origin `json:"origin,omitempty"`
	// Refuse, where not empty, is why the plugin itself will not carry the
	// operation out: it is recorded and denied whatever the policy says.
	// People read it: it says what to do instead.
	Refuse string `json:"refuse,omitempty"`
	// Prepare says that the operation is only made ready, as by a Parse
	// message: carrying it out will be an operation of its own. A policy that
	// would ask lets it through, because it asks then.
	Prepare bool `json:"prepare,omitempty"`
	// Remark names what was not interpreted: "does not parse: …".
	Remark string `json:"remark,omitempty"`
	// Key identifies the operation by its unmasked content, see [OperationKey].
	// It binds approvals and joins retries. The engine records only a keyed
	// digest of it; nil means that the engine makes one of Verb, Text and Params.
	Key []byte `json:"-"`
}

// Param is one parameter of an operation.
type Param struct {
	// Name is the parameter's name or position: "$1", "Bucket".
	Name string `json:"name"`
	// Type is the target's name for its type; empty where it is not known.
	Type string `json:"type,omitempty"`
	// Value is its text form where the type is known, else empty.
	Value string `json:"value,omitempty"`
	// Raw is the value as it came where it could not be decoded.
	Raw []byte `json:"raw,omitempty"`
	// Null says that there is no value.
	Null bool `json:"null,omitempty"`
	// Masked says that Value is not what the target gets.
	Masked bool `json:"masked,omitempty"`
}

// Object is one thing that an operation touches.
type Object struct {
	// Kind is "table", "function", "path", "arn", …
	Kind string `json:"kind"`
	// Name is the object's name as fully as it is known: "public.orders".
	Name string `json:"name"`
	// Effects is what the operation does to this object.
	Effects Effects `json:"effects"`
	// Resolved says that the target confirmed the name; otherwise it is as
	// the client wrote it.
	Resolved bool `json:"resolved,omitempty"`
}

// Origin is who asks for an operation.
type Origin uint8

// The origins.
const (
	// OriginClient is the client.
	OriginClient Origin = iota
	// OriginTarget is the target, as in a forwarded connection.
	OriginTarget
	// OriginGateway is the gateway itself: catalog look-ups, injected messages.
	OriginGateway
)

// String returns "client", "target" or "gateway".
func (o Origin) String() string {
	switch o {
	case OriginClient:
		return "client"
	case OriginTarget:
		return "target"
	}
	return "gateway"
}

// MarshalText implements encoding.TextMarshaler.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. An unknown name counts
// as the gateway.
func (o *Origin) UnmarshalText(text []byte) error {
	switch string(text) {
	case "client":
		*o = OriginClient
	case "target":
		*o = OriginTarget
	default:
		*o = OriginGateway
	}
	return nil
}

// ExchangeID numbers the exchanges of a session from 1; zero is none.
type ExchangeID uint64

// OperationKey digests what an operation asks for, unmasked: each part is
// hashed with its length in front, so that no two lists of parts collide.
func OperationKey(parts ...[]byte) []byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}
