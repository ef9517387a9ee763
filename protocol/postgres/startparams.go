package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// settable are the startup parameters that are passed on to the target:
// settings that change how values are shown or how long things may take, and
// nothing about who one is or how text is read.
var settable = map[string]bool{
	"datestyle": true, "timezone": true, "intervalstyle": true, "extra_float_digits": true, "search_path": true,
	"statement_timeout": true, "lock_timeout": true, "idle_in_transaction_session_timeout": true,
	"default_transaction_read_only": true, "default_transaction_isolation": true, "bytea_output": true, "geqo": true,
}

// checkStartup refuses what a client may not ask for when it connects. It
// leaves its "options" split up in the parameters.
func (p *Plugin) checkStartup(c *login.Client) error {
	params, err := splitOptions(c.Startup.Params)
	if err != nil {
		return err
	}
	c.Startup.Params = params
	for _, param := range c.Startup.Params {
		switch name := strings.ToLower(param.Name); name {
		case "user", "database", "application_name":
		case "client_encoding":
			if !isUTF8(param.Value) {
				return &clientError{codeUnsupported, fmt.Errorf("client_encoding %q is not supported by the gateway; use UTF8", param.Value)}
			}
		case "replication":
			if v := strings.ToLower(param.Value); v != "" && v != "false" && v != "off" && v != "no" && v != "0" {
				return &clientError{codeUnsupported, errors.New("replication is not available through the gateway")}
			}
		default:
			if !settable[name] {
				return &clientError{codeUnsupported, fmt.Errorf("the startup parameter %q is not passed on by the gateway; use SET after connecting", param.Name)}
			}
		}
	}
	return nil
}

// splitOptions replaces the startup parameter "options", a command line such
// as "-c name=value --name=value", by the parameters that it sets.
func splitOptions(params wire.Params) (wire.Params, error) {
	var out wire.Params
	for _, param := range params {
		if !strings.EqualFold(param.Name, "options") {
			out = append(out, param)
			continue
		}
		words := optionWords(param.Value)
		for i := 0; i < len(words); i++ {
			word := words[i]
			switch {
			case word == "-c" && i+1 < len(words):
				i++
				word = words[i]
			case strings.HasPrefix(word, "--"):
				word = word[2:]
			case strings.HasPrefix(word, "-c"):
				word = word[2:]
			default:
				word = ""
			}
			name, value, ok := strings.Cut(word, "=")
			name = strings.ReplaceAll(name, "-", "_")
			if low := strings.ToLower(name); !ok || !settable[low] && low != "application_name" && low != "client_encoding" {
				return nil, &clientError{codeUnsupported, errors.New(`of the startup parameter "options", the gateway passes on "-c name=value" alone, for some settings; use SET after connecting`)}
			}
			out = append(out, wire.StartupParam{Name: name, Value: value})
		}
	}
	return out, nil
}

// optionWords splits a command line as the server does: at white space, of
// which a backslash keeps one.
func optionWords(line string) (words []string) {
	var word []byte
	inside := false
	for i := 0; i < len(line); i++ {
		switch ch := line[i]; {
		case ch == '\\' && i+1 < len(line):
			i++
			word, inside = append(word, line[i]), true
		case ch == ' ' || ch >= '\t' && ch <= '\r':
			if inside {
				words = append(words, string(word))
			}
			word, inside = word[:0], false
		case ch == '\\':
		default:
			word, inside = append(word, ch), true
		}
	}
	if inside {
		words = append(words, string(word))
	}
	return words
}

// isUTF8 accepts the names of UTF-8, and SQL_ASCII, which psql sends in the C
// locale and which asks for no conversion.
func isUTF8(encoding string) bool {
	switch strings.ToLower(strings.Trim(encoding, "'\" ")) {
	case "utf8", "utf-8", "unicode", "sql_ascii", "":
		return true
	}
	return false
}

// targetParams are the settings of the session at the target. Text is UTF-8
// and read as the SQL standard says, because the gateway reads it so too; the
// session's id stands where a DBA looks.
func targetParams(session string, client wire.Params) wire.Params {
	name := "sallyport " + session
	if app := client.Get("application_name"); app != "" {
		name += " " + app
	}
	if len(name) > 63 {
		name = name[:63]
	}
	params := wire.Params{
		{Name: "client_encoding", Value: "UTF8"},
		{Name: "standard_conforming_strings", Value: "on"},
		{Name: "application_name", Value: name},
	}
	for _, param := range client {
		if settable[strings.ToLower(param.Name)] {
			params = append(params, param)
		}
	}
	return params
}

// checkSetting fails where the target would read text otherwise than the
// gateway does.
func checkSetting(name, value string) error {
	switch name {
	case "client_encoding":
		if !isUTF8(value) || strings.EqualFold(value, "SQL_ASCII") {
			return &protocol.Failure{Public: "the session's client_encoding is not UTF8, which the gateway needs", Err: fmt.Errorf("client_encoding is %q", value)}
		}
	case "standard_conforming_strings":
		if value != "on" {
			return &protocol.Failure{Public: "standard_conforming_strings is not on, which the gateway needs", Err: fmt.Errorf("standard_conforming_strings is %q", value)}
		}
	}
	return nil
}
