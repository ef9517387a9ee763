// Package sftp is the SFTP part of the SSH plugin: version 3 of the protocol
// (draft-ietf-secsh-filexfer-02) with the extensions of OpenSSH. [Relay] stands
// between a client and a target's sftp subsystem, and every request that it
// forwards belongs to an operation that was admitted.
//
// # Operations
//
// These are the verbs that rules match on. All have the channel's exchange as
// parent; what is asked of an open handle has the handle's.
//
//	sftp.read, sftp.write, sftp.readwrite   a file, from OPEN to CLOSE
//	sftp.list                               a directory, from OPENDIR to CLOSE
//	sftp.stat                               STAT, LSTAT
//	sftp.statvfs, sftp.readlink             STATVFS, READLINK
//	sftp.realpath                           REALPATH, EXPAND-PATH
//	sftp.setstat                            SETSTAT, FSETSTAT, LSETSTAT
//	sftp.mkdir, sftp.rmdir, sftp.remove     MKDIR, RMDIR, REMOVE
//	sftp.rename                             RENAME, POSIX-RENAME
//	sftp.symlink, sftp.hardlink             SYMLINK, HARDLINK
//	sftp.copy                               COPY-DATA
//	sftp.users                              HOME-DIRECTORY, USERS-GROUPS-BY-ID
//	sftp.resolve                            the gateway's own look-ups, one for a channel
//	sftp.unknown                            what the gateway refuses by itself
//
// READ, WRITE, READDIR, FSTAT, FSTATVFS and FSYNC are parts of the handle's
// operation, and an FSETSTAT of the size where it was opened with truncation, as many as come together one event. LIMITS is answered by the
// gateway, which has asked the target. An operation's effects are those that
// [protocol.Effects] names: opening for writing is Write, with truncation also
// Destroy; modes and owners are Access, a size is Write and Destroy, and an
// extended attribute is Everything. A rename is Write and Destroy on both
// names, since servers that do not keep to the draft overwrite; that of a
// directory is Opaque too, since all that is in it moves. Both names of a
// SYMLINK count as written to, because servers do not agree about their order.
// "Where am I", REALPATH of ".", touches nothing: any rule for the verb allows it.
//
// # Paths
//
// The objects of an operation are of the kind "path": what the target resolved,
// and beside it what the client wrote, made absolute without following links,
// where that differs. A rule that denies either denies; rules that allow must
// allow both. STAT, OPEN, OPENDIR, SETSTAT and STATVFS follow a path to its end;
// LSTAT, READLINK, REMOVE, RENAME, MKDIR and their kin mean the last name itself,
// and only what comes before it is resolved. The hard link's existing file is
// judged in both ways.
//
// Resolving is one REALPATH on the same channel, anew for each request; nothing
// is cached. What the target does not resolve is not forwarded: the client gets
// the target's answer to the look-up, and the record says not sent. So a link
// that leads nowhere is answered with NO_SUCH_FILE where a server alone would
// have said FAILURE. A file that does not exist yet is resolved by its directory
// where the target needs that.
//
// Between the look-up and its effect lies time. Within a channel it is closed:
// what may change where paths lead (RENAME, SYMLINK, REMOVE, MKDIR and their kin)
// has the channel's paths for itself from its look-up to its answer, and what a
// person was asked about is looked up again after the answer, and refused where
// it leads elsewhere. What cannot be closed from here:
//
//   - Another channel, session, user or process of the target may replace a
//     directory or a link after the look-up and before the target acts. Who can
//     write to a directory on the way can make an approved path mean another
//     file. SFTP has no open that refuses links.
//   - A hard link or a bind mount is another name of the same file, and no
//     look-up shows it. Making hard links is an operation that can be denied.
//   - A directory shows the names, sizes and times of all that is in it, whatever
//     rules say of these files: opening it is an operation on the directory.
//   - On servers that take the arguments of SYMLINK in the draft's order, a
//     relative first one counts from elsewhere than from where it is judged.
//   - Paths are the target's: within its chroot, its container, its view.
//   - A target whose REALPATH does not follow links (some servers other than
//     OpenSSH's) shows what it is asked, and links are not seen through.
//
// So rules about paths are as strong as the target's own permissions on the
// directories that lead there.
//
// # Content
//
// What is in a file is not masked: it would be another file. Rules about paths
// are the way to keep content from a client. The record has of it length and
// digest, unless [Options] want up to so many bytes of a file in it; secrets that
// masks detect are hidden in what is recorded of writes so, and not in what is
// recorded of reads, which is what the client got.
//
// A handle's outcome, and an annotation of the kind "digest", say what moved,
// for each direction:
//
//	sha256:… 1048576 bytes written, contiguous from 0
//	sha256-extents:… 30 bytes read in 3 extents, not contiguous
//
// The first is the SHA-256 of the content in the order of the file; requests that
// come a little out of order wait for each other, up to a bound. The second is
// the SHA-256 of a list: of each contiguous extent, in the order in which they
// were over, its offset and its length, 8 bytes each, most significant first, and
// the SHA-256 of its content. Content that was written and that the target then
// refused is in the digest, and the text says how much of it there was. What the
// target copies by itself (COPY-DATA) is in no digest, and does not count
// against [protocol.Decision.MaxBytes], which counts packets with their headers,
// 25 to 29 bytes more than the content of each.
//
// The parts of a written file are durable in the record before its CLOSE is
// forwarded.
//
// # Names and words
//
// What detectors find in file names that the target sends (listings, READLINK,
// REALPATH) and in its error messages is overwritten in place, before client
// and record. A name that was masked so cannot be opened by the name that is
// shown. The payloads of STATVFS and USERS-GROUPS-BY-ID are passed on as they
// are. What detectors find in the paths of requests is overwritten in the
// record; the target gets what the client sent, and rules see it as it is
// recorded.
//
// # Refusals
//
// A denial is SSH_FX_PERMISSION_DENIED with the operation's id in its message
// (OpenSSH's client shows the code's own words instead), and the session goes on.
// Requests that are not known, and extensions that the target does not offer,
// are SSH_FX_OP_UNSUPPORTED; the target's offer is passed on as far as it is
// known here. Malformed requests with an id are SSH_FX_BAD_MESSAGE. A broken
// frame, a second INIT, a request before it, or an answer of the target that
// nobody asked for or that does not fit ends the channel.
package sftp
