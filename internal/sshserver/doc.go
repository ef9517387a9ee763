// Package sshserver runs private SSH servers, for tests, benchmarks and the
// quickstart: [Start] the installed OpenSSH sshd, [StartEmbedded] a small one in
// pure Go. Both listen on loopback only.
//
// sshd runs as this process's own user and logs that user in, whatever the
// account's home is: it has its own directory, where HOME points, sftp starts,
// and shells of the kind of bash start too. Passwords are not possible with it:
// it would check them against the system's accounts. As an ordinary user it gives
// terminals where they belong to the group tty from the start, which in some
// containers they do not.
//
// A server is gone, with its directory, its connections and every process that
// was started over them, when Close returns or the process that started it
// ends, however it ends. For the latter a small shell waits at a pipe whose
// other end only this process holds; see guard.go. The one thing that stays is
// /run/sshd, an empty directory that sshd demands where it runs as root.
package sshserver
