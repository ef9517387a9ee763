package sql

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedact(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1": "SELECT 1",
		"ALTER ROLE r PASSWORD 'a''b' VALID UNTIL '2030'": "ALTER ROLE r PASSWORD '***' VALID UNTIL '***'",
		`ALTER ROLE "r'" PASSWORD E'a\'b' -- 'c'`:         `ALTER ROLE "r'" PASSWORD '***' -- 'c'`,
		"DO $x$ secret $$ $x$ LANGUAGE $$sql$$":           "DO '***' LANGUAGE '***'",
		"CREATE ROLE r PASSWORD 'unterminated; SELECT 1":  "CREATE ROLE r PASSWORD '***'",
		"x'1F' U&'a' b '' c":                              "'***' '***' b '***' c",
	} {
		require.Equal(t, want, Redact(text))
	}
}
