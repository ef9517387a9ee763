package sftp

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

var errVersion = errors.New("sftp: only version 3 is spoken")

// greet hears the client's INIT and greets the target in the gateway's own
// words.
func (r *relay) greet() error {
	batch, err := r.up.next()
	if err != nil {
		return fmt.Errorf("from the client: %w", err)
	}
	packet, _, err := wire.Next(batch)
	if err != nil {
		return fmt.Errorf("from the client: %w", err)
	}
	var hello wire.Hello
	if err := wire.DecodeHello(packet, &hello); err != nil || hello.Kind != wire.Init {
		return fmt.Errorf("from the client: %w", cmpErr(err, wire.ErrMalformed))
	}
	if hello.Version < wire.Version {
		return errVersion
	}
	r.batch, r.first = batch, batch[len(packet):]

	list, err := r.s.Begin(r.ctx, nil, protocol.Operation{
		Verb: "sftp.resolve", Text: "where paths lead, asked of the target for judging", Effects: protocol.Read,
		Parent: r.parent, Origin: protocol.OriginGateway,
	})
	if err != nil {
		return err
	}
	r.own = list[0]
	init := wire.AppendHello(nil, &wire.Hello{Kind: wire.Init, Version: wire.Version})
	if err := r.own.Input(protocol.Part{Kind: "request", Data: init, Units: 1}); err != nil {
		return err
	}
	if err := r.send(init); err != nil {
		return err
	}
	if batch, err = r.down.next(); err != nil {
		return r.lost(err)
	}
	if packet, _, err = wire.Next(batch); err != nil {
		return fmt.Errorf("from the target: %w", err)
	}
	if err := wire.DecodeHello(packet, &hello); err != nil || hello.Kind != wire.VersionReply {
		return fmt.Errorf("from the target: %w", cmpErr(err, wire.ErrMalformed))
	}
	if hello.Version != wire.Version {
		return fmt.Errorf("from the target: %w", errVersion)
	}
	if len(batch) > len(packet) {
		return errUnasked
	}
	r.reply.Kind, r.reply.Version = wire.VersionReply, wire.Version
	hello.Extensions(func(name, data []byte) {
		if wire.KnownExtension(name, data) {
			r.reply.Offer(name, data)
			r.offers[wire.ExtensionKind(name)] = true
		}
	})
	r.down.done(batch)
	return nil
}

// prepare asks the target what the gateway must know, and greets the client.
func (r *relay) prepare() error {
	home, err := r.lookup(wire.Realpath, []byte("."))
	if err != nil {
		return err
	}
	r.home = home
	if r.offers[wire.Limits] {
		packet, err := r.ask(&wire.Request{Kind: wire.Limits})
		if err != nil {
			return err
		}
		var a wire.Response
		if err := wire.DecodeResponse(packet, &a); err != nil {
			return err
		}
		if r.limits, err = bounded(&a); err != nil {
			return err
		}
	}
	return r.say("gateway", wire.AppendHello(nil, &r.reply))
}

// bounded returns a target's answer to limits@openssh.com, with what the
// gateway takes as the most.
func bounded(a *wire.Response) ([]byte, error) {
	if a.Kind != wire.ExtendedReply {
		return nil, fmt.Errorf("%w: limits that it offers are none", errWrong)
	}
	l, err := wire.DecodeLimits(a.Payload)
	if err != nil {
		return nil, err
	}
	const most = 256 << 10
	l.Packet = within(l.Packet, most)
	l.Read, l.Write = within(l.Read, most-1024), within(l.Write, most-1024)
	l.Handles = within(l.Handles, maxHandles)
	return slices.Clip(wire.AppendLimits(nil, l)), nil
}

// within returns n, which is unlimited where it is zero, or most.
func within(n, most uint64) uint64 {
	if n == 0 {
		return most
	}
	return min(n, most)
}
