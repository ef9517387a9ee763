package wire

import "encoding/binary"

// The flags of attributes.
const (
	AttrSize     = 0x1
	AttrOwner    = 0x2
	AttrMode     = 0x4
	AttrTimes    = 0x8
	AttrExtended = 0x80000000

	attrsKnown = AttrSize | AttrOwner | AttrMode | AttrTimes | AttrExtended
)

// Attrs is a file's attributes. Flags says which are there; the others are
// zero.
type Attrs struct {
	Flags        uint32
	Size         uint64
	UID, GID     uint32
	Mode         uint32
	ATime, MTime uint32
	// Extended is the extended attributes as the wire has them, behind their
	// count, which is Pairs.
	Pairs    uint32
	Extended []byte
}

func (r *reader) attrs(a *Attrs) {
	*a = Attrs{Flags: r.uint32()}
	if a.Flags&^attrsKnown != 0 {
		r.bad = true
		return
	}
	if a.Flags&AttrSize != 0 {
		a.Size = r.uint64()
	}
	if a.Flags&AttrOwner != 0 {
		a.UID, a.GID = r.uint32(), r.uint32()
	}
	if a.Flags&AttrMode != 0 {
		a.Mode = r.uint32()
	}
	if a.Flags&AttrTimes != 0 {
		a.ATime, a.MTime = r.uint32(), r.uint32()
	}
	if a.Flags&AttrExtended != 0 {
		a.Pairs = r.uint32()
		from := r.b
		for range a.Pairs {
			r.string()
			r.string()
			if r.bad {
				return
			}
		}
		a.Extended = from[:len(from)-len(r.b)]
	}
}

func (a *Attrs) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, a.Flags)
	if a.Flags&AttrSize != 0 {
		dst = binary.BigEndian.AppendUint64(dst, a.Size)
	}
	if a.Flags&AttrOwner != 0 {
		dst = binary.BigEndian.AppendUint32(dst, a.UID)
		dst = binary.BigEndian.AppendUint32(dst, a.GID)
	}
	if a.Flags&AttrMode != 0 {
		dst = binary.BigEndian.AppendUint32(dst, a.Mode)
	}
	if a.Flags&AttrTimes != 0 {
		dst = binary.BigEndian.AppendUint32(dst, a.ATime)
		dst = binary.BigEndian.AppendUint32(dst, a.MTime)
	}
	if a.Flags&AttrExtended != 0 {
		dst = binary.BigEndian.AppendUint32(dst, a.Pairs)
		dst = append(dst, a.Extended...)
	}
	return dst
}
