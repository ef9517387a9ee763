package postgres

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
)

// read judges a text as the target will read it. Where something ran that may
// have changed how the target reads text, it first waits for the target, which
// reports such a change, and the session ends then. In the middle of a batch
// it can't wait: a text that could be read otherwise counts as everything.
func (f *frontend) read(text string) (*sql.Query, error) {
	if f.fence && f.batch.count == 0 && !f.queue.isOpen() {
		settled, err := f.queue.drained()
		if err != nil {
			return nil, err
		}
		f.fence = !settled
	}
	if f.fence {
		return f.plugin.parser.ParseUnsure(f.ctx, text), nil
	}
	return f.plugin.parser.Parse(f.ctx, text), nil
}

// refusedSetting returns why a statement may not change a setting: the
// gateway reads text as UTF-8 and strings as the standard says.
func refusedSetting(s *sql.Statement) string {
	for _, c := range s.Settings {
		switch c.Name {
		case "client_encoding":
			if c.Known && !isUTF8(c.Value) || c.Known && strings.EqualFold(c.Value, "sql_ascii") {
				return "the gateway reads text as UTF8; client_encoding cannot be changed"
			}
		case "standard_conforming_strings":
			if c.Known && !isOn(c.Value) {
				return "the gateway reads strings as the SQL standard says; standard_conforming_strings must stay on"
			}
		}
	}
	return ""
}

// fences reports whether a statement could change how the target reads text in
// a way that its own text does not show.
func fences(s *sql.Statement) bool {
	for _, c := range s.Settings {
		if !c.Known && (c.Name == "" || c.Name == "client_encoding" || c.Name == "standard_conforming_strings") {
			return true
		}
	}
	return s.Effects.Any(protocol.Code | protocol.Opaque)
}

func isOn(value string) bool {
	switch strings.ToLower(value) {
	case "on", "true", "yes", "1", "t", "y", "tr", "tru", "ye":
		return true
	}
	return false
}
