// Package ssh is the plugin for SSH: it ends the client's connection, opens
// one of its own to the target, and carries commands, shells, files and, where
// rules let it, forwarded ports between the two.
//
// Clients are OpenSSH's ssh, scp and sftp, and whatever uses them or a library:
// rsync, git, Ansible. They prove themselves by a token as password or by
// keyboard-interactive, by a public key, or by a user certificate; see packages
// identity and identity/sshkeys. Where a listener has several targets, the
// client names one behind its own name: ssh agent%web1@gateway.
//
// The gateway logs in to the target with a key, a password, or a certificate
// that its own authority makes for the session ([Login]), and only where it
// knows the target's host key ([HostKeys]).
//
// # Operations
//
// Each of these is judged before anything of it reaches the target:
//
//	exec                            a command line, parsed: effects, programs, paths
//	shell                           a login shell, or a program that reads commands from its input
//	scp.upload, scp.download        the old copy protocol (scp -O)
//	rsync.upload, rsync.download    rsync's server side
//	git.push, git.fetch             git's server side
//	sftp                            the subsystem; each request in it is an operation
//	                                of its own: sftp.read, sftp.write, sftp.rename, …
//	subsystem                       any other subsystem, by name
//	forward.connect, forward.listen, forward.accept
//	                                forwarded TCP connections, where Config.Forward is set
//
// Environment variables and the terminal are parameters of the operation that
// they prepare; the gateway answers for them, and sends them on with it. A
// denied command ends with the gateway's words on standard error and status
// 126. What the gateway does not carry at all (agent and X11 forwarding, Unix
// sockets, tunnels, unknown channels) is refused and recorded.
//
// # What is recorded
//
// Standard input, output and error with their times, and changes of the
// terminal's size. Detectors (package mask) hide what they find in output
// from client and record alike, and in input from the record. What is typed in
// a terminal is recorded by time and length only ([Config.RawInput] changes
// that): nothing tells a password from a command, and what the target echoes
// is in the output. The contents of files that SFTP, scp, rsync and git move
// are recorded by length and digest and are not masked, as that would destroy
// them; rules about paths and sizes are the way.
//
// Requests, standard output and standard error come on queues of their own;
// the record has the order in which the gateway took them up.
//
// # Limits
//
// Inside a shell nothing is judged: the text that a person or program edits
// becomes a command on the target, where the gateway does not see it. Let
// agents have exec, and not shells. What a command line can hide is said in
// docs/ssh.md.
package ssh
