package ssh

// The bodies of the messages that the gateway reads, as RFC 4254 has them.

// section 6.4
type envRequest struct{ Name, Value string }

// section 6.2
type ptyRequest struct {
	Term                       string
	Columns, Rows, Width, High uint32
	Modes                      string
}

// section 6.5
type execRequest struct{ Command string }

type subsystemRequest struct{ Name string }

// section 6.7
type windowChange struct{ Columns, Rows, Width, High uint32 }

// section 6.9
type signalRequest struct{ Name string }

// section 6.10
type exitStatus struct{ Status uint32 }

type exitSignal struct {
	Name     string
	Dumped   bool
	Message  string
	Language string
}

// section 7.1
type listenRequest struct {
	Address string
	Port    uint32
}

type listenReply struct{ Port uint32 }

// section 7.2, in both directions
type forwardOpen struct {
	Address    string
	Port       uint32
	Origin     string
	OriginPort uint32
}
