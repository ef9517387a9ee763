package wire

import "fmt"

// FormatError says that bytes from the other side are not what the protocol
// allows. The connection can't be trusted any further. It holds nothing of the
// message's content.
type FormatError struct {
	// Message names the message or the field at fault.
	Message string
	// Reason says what is wrong with it.
	Reason string
}

// Error returns both.
func (e *FormatError) Error() string { return "malformed " + e.Message + ": " + e.Reason }

func malformed(message, format string, args ...any) error {
	return &FormatError{Message: message, Reason: fmt.Sprintf(format, args...)}
}

// VersionError says that a client asked for a protocol that is not spoken here.
type VersionError struct{ Major, Minor uint16 }

// Error names the version asked for and those that are spoken.
func (e *VersionError) Error() string {
	return fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 3.0", e.Major, e.Minor)
}
