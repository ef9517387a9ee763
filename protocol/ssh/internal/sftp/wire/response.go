package wire

import "encoding/binary"

// Response is a response. Kind says which fields mean something; slices point
// into the packet, so that what is overwritten in them is overwritten there.
type Response struct {
	Kind Kind
	ID   uint32
	// Code, Message and Language are those of Status; servers older than the
	// draft leave the latter two out.
	Code              Code
	Message, Language []byte
	Handle            []byte
	Data              []byte
	// Count is how many Entries there are of Name.
	Count   uint32
	Entries Entries
	Attrs   Attrs
	// Payload is that of ExtendedReply.
	Payload []byte

	short bool // a Status without words
}

// Entries are the entries of a Name.
type Entries struct{ b []byte }

// Entry is a file in Entries.
type Entry struct {
	Name []byte
	// Long is a line for people, as of ls -l.
	Long  []byte
	Attrs Attrs
}

// Next takes the first entry into e and reports whether there was one.
func (n *Entries) Next(e *Entry) bool {
	if len(n.b) == 0 {
		return false
	}
	r := reader{b: n.b}
	r.entry(e)
	n.b = r.b
	return !r.bad
}

func (r *reader) entry(e *Entry) {
	e.Name, e.Long = r.string(), r.string()
	r.attrs(&e.Attrs)
}

// DecodeResponse reads a packet into a. A kind that is no response of version
// 3 is ErrMalformed.
func DecodeResponse(packet []byte, a *Response) error {
	*a = Response{}
	k, r, err := open(packet)
	if err != nil {
		return err
	}
	a.Kind, a.ID = k, r.uint32()
	switch k {
	case Status:
		a.Code = Code(r.uint32())
		if a.short = len(r.b) == 0; !a.short {
			a.Message, a.Language = r.string(), r.string()
		}
	case Handle:
		a.Handle = r.handle()
	case Data:
		a.Data = r.string()
	case Name:
		a.Count = r.uint32()
		a.Entries.b = r.b
		var e Entry
		for range a.Count {
			if r.entry(&e); r.bad {
				break
			}
		}
	case Attributes:
		r.attrs(&a.Attrs)
	case ExtendedReply:
		a.Payload = r.rest()
	default:
		return malformed(k)
	}
	if !r.whole() {
		return malformed(k)
	}
	return nil
}

// AppendResponse appends a as a packet.
func AppendResponse(dst []byte, a *Response) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(begin(dst, a.Kind), a.ID)
	switch a.Kind {
	case Status:
		dst = binary.BigEndian.AppendUint32(dst, uint32(a.Code))
		if !a.short {
			dst = appendString(appendString(dst, a.Message), a.Language)
		}
	case Handle:
		dst = appendString(dst, a.Handle)
	case Data:
		dst = appendString(dst, a.Data)
	case Name:
		dst = binary.BigEndian.AppendUint32(dst, a.Count)
		dst = append(dst, a.Entries.b...)
	case Attributes:
		dst = a.Attrs.append(dst)
	case ExtendedReply:
		dst = append(dst, a.Payload...)
	}
	return finish(dst, start)
}

// AppendStatus appends a Status.
func AppendStatus(dst []byte, id uint32, code Code, message string) []byte {
	return AppendResponse(dst, &Response{Kind: Status, ID: id, Code: code, Message: []byte(message), Language: []byte("en")})
}

// AppendEntry appends an entry to what a Name is made of, see [MakeEntries].
func AppendEntry(dst []byte, e *Entry) []byte {
	return e.Attrs.append(appendString(appendString(dst, e.Name), e.Long))
}

// MakeEntries returns what AppendEntry appended, as Entries.
func MakeEntries(b []byte) Entries { return Entries{b} }
