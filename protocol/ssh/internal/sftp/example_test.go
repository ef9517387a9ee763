package sftp_test

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp"
)

// A caller that has had the channel's operation admitted carries it.
func ExampleRelay() {
	_ = func(s *protocol.Session, channel *protocol.Exchange, client, target sftp.Stream) error {
		return sftp.Relay(s.Context(), s, channel.ID(), client, target, sftp.Options{
			Content: func(path string, write bool) int64 {
				if write && strings.HasPrefix(path, "/etc/") {
					return 64 << 10 // what is put there stands in the record
				}
				return 0
			},
		})
	}
	// Output:
}
