package command

import (
	"github.com/sallyport/sallyport/protocol"
)

// MaxLength is how long a line may be that is interpreted, in bytes.
const MaxLength = 64 << 10

// Parse judges a command line. terminal says that the client asked for a
// terminal, through which pagers and editors can be told to run commands.
func Parse(text string, terminal bool) Line {
	return Line{Verb: Exec, Effects: protocol.Everything, Remark: "not interpreted"}
}
