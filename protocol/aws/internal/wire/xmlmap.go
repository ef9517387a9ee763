package wire

// pair reads a map's key and value.
func (x *xmlScan) pair(e element, a at, depth int) error {
	if depth > MaxDepth {
		return x.bad("it is nested too deeply")
	}
	if e.empty {
		x.unknown()
		return nil
	}
	key, value := wireName(a.shape.Key, "key"), wireName(a.shape.Value, "value")
	mark := x.here()
	defer x.leave(mark)
	for {
		solid, err := x.run()
		if err != nil {
			return err
		}
		if solid {
			return x.bad("text between a map's keys")
		}
		if closed, err := x.close(e); closed || err != nil {
			return err
		}
		child, err := x.open()
		if err != nil {
			return err
		}
		switch string(child.local) {
		case key:
			err = x.pairKey(child, a, depth)
		case value:
			err = x.element(child, a.inner(a.shape.Value), depth+1)
		default:
			err = x.stranger(child, a, depth+1)
		}
		if err != nil {
			return err
		}
	}
}

// pairKey reads a map's key, and goes where it leads.
func (x *xmlScan) pairKey(e element, a at, depth int) error {
	b := a.inner(a.shape.Key)
	if err := x.attributes(e, at{}); err != nil {
		return err
	}
	if e.empty {
		x.enterKey("")
		return x.key(b, nil, 0, 0, encNone)
	}
	start := x.i
	if _, err := x.run(); err != nil {
		return err
	}
	end := x.i
	if closed, err := x.close(e); !closed {
		if err == nil {
			err = x.bad("a map's key is no text")
		}
		return err
	}
	if err := x.whole(x.b[start:end]); err != nil {
		return err
	}
	text, ok := unescapeXML(x.scratch[:0], x.b[start:end])
	if !ok {
		return x.bad("an unknown entity")
	}
	x.scratch = text
	x.enterKey(x.string(text))
	return x.key(b, text, start, end, encXML)
}
