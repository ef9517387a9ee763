package wire

import "strconv"

// Kind is the kind of a packet: the draft's numbers, and numbers from 1000 on
// for the extended requests that are known.
type Kind uint16

// The kinds.
const (
	Init         Kind = 1
	VersionReply Kind = 2

	Open     Kind = 3
	Close    Kind = 4
	Read     Kind = 5
	Write    Kind = 6
	Lstat    Kind = 7
	Fstat    Kind = 8
	Setstat  Kind = 9
	Fsetstat Kind = 10
	Opendir  Kind = 11
	Readdir  Kind = 12
	Remove   Kind = 13
	Mkdir    Kind = 14
	Rmdir    Kind = 15
	Realpath Kind = 16
	Stat     Kind = 17
	Rename   Kind = 18
	Readlink Kind = 19
	Symlink  Kind = 20

	Status     Kind = 101
	Handle     Kind = 102
	Data       Kind = 103
	Name       Kind = 104
	Attributes Kind = 105

	// Extended is an extended request that is not known.
	Extended      Kind = 200
	ExtendedReply Kind = 201

	PosixRename   Kind = 1000
	Statvfs       Kind = 1001
	Fstatvfs      Kind = 1002
	Hardlink      Kind = 1003
	Fsync         Kind = 1004
	Lsetstat      Kind = 1005
	Limits        Kind = 1006
	ExpandPath    Kind = 1007
	CopyData      Kind = 1008
	HomeDirectory Kind = 1009
	UsersGroups   Kind = 1010
)

// ExtensionKind returns the kind of an extended request by its name, as the wire
// has it, and Extended for one that is not known.
func ExtensionKind(name []byte) Kind {
	switch string(name) {
	case "posix-rename@openssh.com":
		return PosixRename
	case "statvfs@openssh.com":
		return Statvfs
	case "fstatvfs@openssh.com":
		return Fstatvfs
	case "hardlink@openssh.com":
		return Hardlink
	case "fsync@openssh.com":
		return Fsync
	case "lsetstat@openssh.com":
		return Lsetstat
	case "limits@openssh.com":
		return Limits
	case "expand-path@openssh.com":
		return ExpandPath
	case "copy-data":
		return CopyData
	case "home-directory":
		return HomeDirectory
	case "users-groups-by-id@openssh.com":
		return UsersGroups
	}
	return Extended
}

// Extension returns the name of a known extended request, else "".
func (k Kind) Extension() string {
	switch k {
	case PosixRename:
		return "posix-rename@openssh.com"
	case Statvfs:
		return "statvfs@openssh.com"
	case Fstatvfs:
		return "fstatvfs@openssh.com"
	case Hardlink:
		return "hardlink@openssh.com"
	case Fsync:
		return "fsync@openssh.com"
	case Lsetstat:
		return "lsetstat@openssh.com"
	case Limits:
		return "limits@openssh.com"
	case ExpandPath:
		return "expand-path@openssh.com"
	case CopyData:
		return "copy-data"
	case HomeDirectory:
		return "home-directory"
	case UsersGroups:
		return "users-groups-by-id@openssh.com"
	}
	return ""
}

// KnownExtension reports whether a server that offers the extension in this
// version offers what this package reads.
func KnownExtension(name, version []byte) bool {
	switch ExtensionKind(name) {
	case Extended:
		return false
	case Statvfs, Fstatvfs:
		return string(version) == "2"
	}
	return string(version) == "1"
}

// String returns the kind's name in lower case.
func (k Kind) String() string {
	switch k {
	case Init:
		return "init"
	case VersionReply:
		return "version"
	case Open:
		return "open"
	case Close:
		return "close"
	case Read:
		return "read"
	case Write:
		return "write"
	case Lstat:
		return "lstat"
	case Fstat:
		return "fstat"
	case Setstat:
		return "setstat"
	case Fsetstat:
		return "fsetstat"
	case Opendir:
		return "opendir"
	case Readdir:
		return "readdir"
	case Remove:
		return "remove"
	case Mkdir:
		return "mkdir"
	case Rmdir:
		return "rmdir"
	case Realpath:
		return "realpath"
	case Stat:
		return "stat"
	case Rename:
		return "rename"
	case Readlink:
		return "readlink"
	case Symlink:
		return "symlink"
	case Status:
		return "status"
	case Handle:
		return "handle"
	case Data:
		return "data"
	case Name:
		return "name"
	case Attributes:
		return "attrs"
	case Extended:
		return "extended"
	case ExtendedReply:
		return "extended reply"
	}
	if name := k.Extension(); name != "" {
		return name
	}
	return "kind " + strconv.Itoa(int(k))
}

// Known reports whether k is a request that this package reads.
func (k Kind) Known() bool {
	return k >= Open && k <= Symlink || k >= PosixRename && k <= UsersGroups
}

// The flags of OPEN.
const (
	FlagRead = 1 << iota
	FlagWrite
	FlagAppend
	FlagCreate
	FlagTruncate
	FlagExclusive

	// FlagsKnown are all of them.
	FlagsKnown = FlagRead | FlagWrite | FlagAppend | FlagCreate | FlagTruncate | FlagExclusive
)

// Code is the code of a STATUS.
type Code uint32

// The codes.
const (
	OK Code = iota
	EOF
	NoSuchFile
	PermissionDenied
	Failure
	BadMessage
	NoConnection
	ConnectionLost
	OpUnsupported
)

// String returns the code's name in the draft, without its prefix.
func (c Code) String() string {
	switch c {
	case OK:
		return "OK"
	case EOF:
		return "EOF"
	case NoSuchFile:
		return "NO_SUCH_FILE"
	case PermissionDenied:
		return "PERMISSION_DENIED"
	case Failure:
		return "FAILURE"
	case BadMessage:
		return "BAD_MESSAGE"
	case NoConnection:
		return "NO_CONNECTION"
	case ConnectionLost:
		return "CONNECTION_LOST"
	case OpUnsupported:
		return "OP_UNSUPPORTED"
	}
	return strconv.Itoa(int(c))
}
