package command

import "github.com/sallyport/sallyport/protocol"

// The verbs that a Line can have.
const (
	// Exec runs commands that the line holds.
	Exec = "exec"
	// Shell runs what comes from standard input or a terminal.
	Shell = "shell"
	// The server sides of file copies and of git, as clients start them.
	ScpUpload     = "scp.upload"
	ScpDownload   = "scp.download"
	RsyncUpload   = "rsync.upload"
	RsyncDownload = "rsync.download"
	GitPush       = "git.push"
	GitFetch      = "git.fetch"
	SFTP          = "sftp"
)

// Line is what the command line of an exec request means.
type Line struct {
	// Verb is what the line is for: one of the constants above.
	Verb string
	// Effects is what the line may do in all.
	Effects protocol.Effects
	// Objects are the programs it runs (kind "command"), the files it names
	// ("path") and the servers it speaks to ("url", "host"), each once, with
	// what is done to it. Each of Effects is an effect of one of them.
	Objects []protocol.Object
	// Remark names what was not interpreted; empty where all was.
	Remark string
	// Shell says that somebody can type commands into it, or send them on
	// standard input: it is to be judged as a shell is.
	Shell bool
	// Paths are the paths of a copy or a repository, as the client wrote them,
	// where Verb is one of scp, rsync or git.
	Paths []string
	// Recursive says that a copy takes whole directories.
	Recursive bool
}
