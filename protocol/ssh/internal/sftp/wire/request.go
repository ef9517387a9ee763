package wire

import "encoding/binary"

// Request is a request. Kind says which fields mean something; slices point
// into the packet.
type Request struct {
	Kind Kind
	ID   uint32
	// Path is the path, or the first of two: the existing file of Rename,
	// PosixRename and Hardlink; what the link says in Symlink, which has its
	// arguments in OpenSSH's order and not in the draft's. HomeDirectory has
	// the user's name in it.
	Path []byte
	// Path2 is the second path.
	Path2 []byte
	// Handle is the handle; CopyData reads it.
	Handle []byte
	Offset uint64
	// Length is how much Read and CopyData read.
	Length uint64
	// Handle2 and Offset2 are where CopyData writes to.
	Handle2 []byte
	Offset2 uint64
	// Flags are those of Open.
	Flags uint32
	Attrs Attrs
	// Data is what Write writes, and the payload of Extended.
	Data []byte
	// Extension is the name of Extended.
	Extension []byte
	// UIDs and GIDs are what UsersGroups asks for, four bytes each.
	UIDs, GIDs []byte
}

// DecodeRequest reads a packet into q. A packet of a kind that is not known
// leaves the kind and id in q, with no error: see [Kind.Known]. q.Kind and
// q.ID are set where the packet has them, also with an error.
func DecodeRequest(packet []byte, q *Request) error {
	*q = Request{}
	k, r, err := open(packet)
	if err != nil {
		return err
	}
	q.Kind = k
	if k == Init || k == VersionReply {
		return malformed(k)
	}
	q.ID = r.uint32()
	if k == Extended {
		q.Extension = r.string()
		k = ExtensionKind(q.Extension)
		q.Kind = k
	}
	switch k {
	case Open:
		q.Path, q.Flags = r.string(), r.uint32()
		r.attrs(&q.Attrs)
	case Close, Fstat, Readdir, Fstatvfs, Fsync:
		q.Handle = r.handle()
	case Read:
		q.Handle, q.Offset, q.Length = r.handle(), r.uint64(), uint64(r.uint32())
	case Write:
		q.Handle, q.Offset, q.Data = r.handle(), r.uint64(), r.string()
	case Lstat, Opendir, Remove, Rmdir, Realpath, Stat, Readlink, Statvfs, ExpandPath, HomeDirectory:
		q.Path = r.string()
	case Setstat, Mkdir, Lsetstat:
		q.Path = r.string()
		r.attrs(&q.Attrs)
	case Fsetstat:
		q.Handle = r.handle()
		r.attrs(&q.Attrs)
	case Rename, Symlink, PosixRename, Hardlink:
		q.Path, q.Path2 = r.string(), r.string()
	case CopyData:
		q.Handle, q.Offset, q.Length = r.handle(), r.uint64(), r.uint64()
		q.Handle2, q.Offset2 = r.handle(), r.uint64()
	case UsersGroups:
		q.UIDs, q.GIDs = r.string(), r.string()
		if len(q.UIDs)%4 != 0 || len(q.GIDs)%4 != 0 {
			r.bad = true
		}
	case Limits:
	default:
		q.Data = r.rest()
	}
	if !r.whole() {
		return malformed(k)
	}
	return nil
}

// AppendRequest appends q as a packet.
func AppendRequest(dst []byte, q *Request) []byte {
	start := len(dst)
	if name := q.Kind.Extension(); name != "" || q.Kind == Extended {
		if name == "" {
			name = string(q.Extension)
		}
		dst = binary.BigEndian.AppendUint32(begin(dst, Extended), q.ID)
		dst = appendString(dst, []byte(name))
	} else {
		dst = binary.BigEndian.AppendUint32(begin(dst, q.Kind), q.ID)
	}
	switch q.Kind {
	case Open:
		dst = binary.BigEndian.AppendUint32(appendString(dst, q.Path), q.Flags)
		dst = q.Attrs.append(dst)
	case Close, Fstat, Readdir, Fstatvfs, Fsync:
		dst = appendString(dst, q.Handle)
	case Read:
		dst = binary.BigEndian.AppendUint64(appendString(dst, q.Handle), q.Offset)
		dst = binary.BigEndian.AppendUint32(dst, uint32(q.Length))
	case Write:
		dst = binary.BigEndian.AppendUint64(appendString(dst, q.Handle), q.Offset)
		dst = appendString(dst, q.Data)
	case Lstat, Opendir, Remove, Rmdir, Realpath, Stat, Readlink, Statvfs, ExpandPath, HomeDirectory:
		dst = appendString(dst, q.Path)
	case Setstat, Mkdir, Lsetstat:
		dst = q.Attrs.append(appendString(dst, q.Path))
	case Fsetstat:
		dst = q.Attrs.append(appendString(dst, q.Handle))
	case Rename, Symlink, PosixRename, Hardlink:
		dst = appendString(appendString(dst, q.Path), q.Path2)
	case CopyData:
		dst = binary.BigEndian.AppendUint64(appendString(dst, q.Handle), q.Offset)
		dst = binary.BigEndian.AppendUint64(dst, q.Length)
		dst = binary.BigEndian.AppendUint64(appendString(dst, q.Handle2), q.Offset2)
	case UsersGroups:
		dst = appendString(appendString(dst, q.UIDs), q.GIDs)
	case Limits:
	default:
		dst = append(dst, q.Data...)
	}
	return finish(dst, start)
}
