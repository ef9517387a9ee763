package mask

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func set(t testing.TB, rules ...Rule) *Set {
	t.Helper()
	s, err := New(rules...)
	require.NoError(t, err)
	return s
}

// alnum is text that looks random, without being anybody's secret.
const alnum = "a8Kd03mZpQ1xV7rT5yWc9uHb2NfLgE4sJ6oXzRqYtMnBvCeDwSiUkPjGhAl0Of3a8Kd03mZpQ1xV7rT5yWc9uHb2NfLgE4sJ6oXzRqYt"

func hexes(n int) string { return strings.Repeat("0a1b2c3d4e5f6789", 8)[:n] }

// Each sample marks with « and » what must be hidden and nothing else.
func secretSamples() []string {
	jwt := "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
	upper := strings.ToUpper(alnum)
	return []string{
		"id «AKIA" + upper[:16] + "», region eu-west-1", "«ASIA" + upper[:16] + "»",
		"«ghp_" + alnum[:36] + "»", "https://«ghs_" + alnum[:36] + "»@github.com/x", "x=«github_pat_" + alnum[:22] + "_" + alnum[:59] + "»",
		"«glpat-" + alnum[:20] + "»", "«xoxb-123456789012-" + alnum[:24] + "»", "https://«hooks.slack.com/services/T000/B000/" + alnum[:24] + "»",
		"«sk_" + "live_" + alnum[:24] + "»", "«rk_" + "test_" + alnum[:24] + "»", "«whsec_" + alnum[:32] + "»",
		"«sk-ant-api03-" + alnum[:40] + "-_x»", "«sk-proj-" + alnum[:40] + "»", "«sk-" + alnum[:48] + "»",
		"a «sk-" + alnum[:20] + "T3BlbkFJ" + alnum[:20] + "» b", "«AIza" + alnum[:35] + "»", "«GOCSPX-" + alnum[:28] + "»", "«ya29." + alnum[:60] + "»",
		"«sp_" + alnum[:49] + "»", "«npm_" + alnum[:36] + "»", "«pypi-AgE" + alnum[:60] + "»", "«dop_v1_" + hexes(64) + "»", "«shpat_" + hexes(32) + "»",
		"«glsa_" + alnum[:32] + "_" + hexes(8) + "»", "«dckr_pat_" + alnum[:27] + "»", "«hvs." + alnum[:90] + "»", alnum[:0] + "«" + alnum[:14] + ".atlasv1." + alnum[:67] + "»",
		"«SG." + alnum[:22] + "." + alnum[:43] + "»", "«hf_" + alnum[:34] + "»", "«gsk_" + alnum[:52] + "»", "«AGE-SECRET-KEY-1" + upper[:58] + "»",
		"see «" + jwt + "».", "«eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.»", "(«" + jwt + "»)",
		"a\n«-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----»\nb", "«-----BEGIN PRIVATE KEY-----\nMIIE",
		"«-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQ\n-----END PGP PRIVATE KEY BLOCK-----»",
		"postgres://app:«hunter2»@db:5432/x", "see redis://:«p:a@ss»@cache/0 now", "amqp://u:«p%40ss»@h",
		"host=db password=«hunter2» sslmode=require", "PGPASSWORD='«hunter two»' psql", "Server=x;Pwd=«abc»;Database=y",
		`{"password":"«hun\"ter2»","x":1}`, `{\"password\":\"«hunter2»\",\"x\":1}`, `password: «123456»`, "passwd=«x»", "--password «hunter2» -h db",
		`"secret" : "«` + alnum[:32] + `»"`, "AWS_SECRET_ACCESS_KEY=«wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1»", "api_key: '«" + alnum[:20] + "»'",
		"X-Api-Key: «" + hexes(32) + "»", "client_secret=«" + alnum[:24] + "»&x=y", `config["auth_token"] = "«` + alnum[:24] + `»"`,
		"Authorization: Bearer «" + alnum[:40] + "»", `"authorization": "Basic «dXNlcjpodW50ZXIy»"`, "curl -H 'bearer «" + alnum[:30] + "»'",
		"ALTER ROLE x PASSWORD '«hunter2»'", "create user x with encrypted password e'«hun\\'ter''2»' valid until 'infinity'",
		"ALTER ROLE x PASSWORD /* now */ $$«hunter2»$$;", "ALTER ROLE x PASSWORD $a$«hun$$ter2»$a$", "ALTER ROLE x PASSWORD U&'«h»'",
		"SET PASSWORD FOR x = PASSWORD('«hunter2»')", "CREATE USER x IDENTIFIED BY '«hunter2»'", "IDENTIFIED WITH 'caching_sha2_password' BY '«hunter2»'",
		"UPDATE u SET password = crypt('«hunter2»', gen_salt('bf'))", "UPDATE u SET password='«it''s»' WHERE id=1",
		"«SCRAM-SHA-256$4096:5TtoXD96r6LX5OfbEvCcrQ==$oefjCFzrj09BzHO+5W6xgEgW4cxZte30jZZxdoJ86v0=:oCx7Tu8+g6Ak3OJVZyN2PKveE6sEh+Kn13K5AdvSZIc=»",
		"«md5" + hexes(32) + "»", "«$2b$12$" + alnum[:53] + "»", "«$argon2id$v=19$m=65536,t=3,p=4$" + alnum[:22] + "$" + alnum[:43] + "»",
		"\x00\x00\x00\x23«eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.»\x00\x00\x00\x01x", "\x00\x00\x00A«AKIA" + upper[:16] + "»",
		"secret='«-----BEGIN PRIVATE KEY-----\nMIIE'\n-----END PRIVATE KEY-----»",
	}
}

var cleanOfSecrets = []string{
	"", "SELECT id, name FROM customers WHERE created_at > '2026-11-23'", "the task-force took a risk-based view of disk-space usage in the field",
	"SELECT password, token FROM accounts", "WHERE password = $1 AND token = $2", "password IS NULL", "CREATE TABLE t (password text NOT NULL, token text)",
	"password = NULL", "password=?", "password=%s", "password=${PASSWORD}", `"password": null`, "ALTER ROLE x PASSWORD NULL",
	"token count: 12345", "token = customer", "secret: the-quick-brown-fox-jumps", "tokenizer=word", "api_key_id integer",
	"AKIA", "xAKIA" + strings.Repeat("A", 16), "AKIA" + strings.Repeat("A", 17), "akia" + strings.Repeat("a", 16), "AKIAABCDEFGHIJKLMNO",
	"ghp_tooshort", "eyJhbGciOi", "eyJhbGciOiJIUzI1NiJ9.notajwt", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
	"-----BEGIN PUBLIC KEY-----", "https://example.com/a:b@c", "https://user@example.com", "http://[::1]:80/", "://", "sk-short", "disk-" + strings.Repeat("a", 40),
	"password=********", "identified by the police", "md5('x')", "md5 of it", "bearer of good news", "authorization: none", "password", "password=", "password:", "PASSWORD '", "--password",
	"SG.a.b", "sp_" + alnum[:20], "xsp_" + alnum[:49], "$2a$", "password ''", "PASSWORD $1", "passwords are hard",
}

func personalSamples() []string {
	return []string{
		"mail «ann.b+c@example.co.uk», please", "<«ann@example.com»>", "«o'neil@ex-ample.com».", "«jürgen@müller.de»", "«a@b.co»,«c@d.org»",
		"card «4111111111111111»", "«4111 1111 1111 1111» exp 12/29", "«5555-5555-5555-4444»", "«378282246310005»", "«3782 822463 10005»", "«6011111111111117»",
		"«30569309025904»", "«3530111333300000»", "id 12 «4111 1111 1111 1111» 3", "(«2223003122003222»)", "\x00\x00\x00\x10«4111111111111111»\x00\x00\x00\x01",
		"«DE89370400440532013000»", "IBAN «DE89 3704 0044 0532 0130 00».", "«GB82WEST12345698765432»", "«NO9386011117947»", "«FR14 2004 1010 0505 0001 3M02 606» x",
		"ssn «123-45-6789»", "'«078-05-1120»'", "tel «+14155552671»", "«+49 30 1234567»,", "call «+1 (415) 555-2671» now", "«+44 20 7946 0958»",
		"\x00\x00\x008«" + strings.Repeat("a", 44) + "@example.com»",
	}
}

var cleanOfPersonal = []string{
	"", "2026-11-23 08:23:36.123456+00", "2026-11-23 08:23:36+10 2026-11-24", "1700000000000", "1700000000000000", "a @> b", "user@localhost", "@", "a@", "@b.com", "a@.com", "a@b", "a@b.c",
	"4111111111111112", "41111111111111111", "x4111111111111111", "0.4111111111111111", "4111111111111111.5", "411111111111", "1234 5678 9012 3456", "4111_1111_1111_1111",
	"4111-1111 1111-1111", "DE88370400440532013000", "DE8937040044053201300", "DE893704004405320130000", "XX89370400440532013000", "xDE89370400440532013000",
	"000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "1123-45-6789", "123-45-67890", "2026-11-2345", "-123-45-6789",
	"+0123456789", "+1234567", "+1234567890123456", "1+14155552671", "a+14155552671", "1 + 1234", "++14155552671", "6f1ed002-ab55-4111-9111-111111111111",
	"UPPER CASE TEXT WITH NO NUMBERS AT ALL", "ORDER 2026 11 23 08 23 36",
}

func checkSamples(t *testing.T, s *Set, found, clean []string) {
	for _, sample := range found {
		text := strings.NewReplacer("«", "", "»", "").Replace(sample)
		want, n := "", 0
		for i, piece := range strings.Split(sample, "«") {
			if i == 0 {
				want = piece
				continue
			}
			hide, rest, _ := strings.Cut(piece, "»")
			want += strings.Repeat("*", len(hide)) + rest
			n++
		}
		b := []byte(text)
		assert.True(t, s.Suspect(b), sample)
		assert.Equal(t, n, s.Redact(b), sample)
		assert.Equal(t, want, string(b), sample)
		for _, around := range []string{"%s", " %s ", "\x00%s\x00", "(%s)", "\n%s\n", "x, %s, y", strings.Repeat("\x00 ", 500) + "%s"} {
			b := fmt.Appendf(nil, around, text)
			assert.True(t, s.Suspect(b), "%q", b)
			assert.GreaterOrEqual(t, s.Redact(b), n, "%q", b)
		}
	}
	for _, text := range clean {
		b := []byte(text)
		assert.Zero(t, s.Redact(b), text)
		assert.Equal(t, text, string(b))
	}
}

func TestSecrets(t *testing.T) { checkSamples(t, set(t, Secrets()), secretSamples(), cleanOfSecrets) }

func TestPersonal(t *testing.T) {
	checkSamples(t, set(t, Personal()), personalSamples(), cleanOfPersonal)
}

func TestPattern(t *testing.T) {
	s := set(t, Pattern("employee", `\bEMP-(\d{6})\b`), Pattern("plate", `\b[A-Z]{2}-\d{4}\b`), Pattern("word", `(?i)top ?secret-\w+`), Pattern("unicode", `(?i)kiß`))
	checkSamples(t, s, []string{"EMP-«123456» x", "a «AB-1234» b", "«Top SECRET-x»", "«TOPsecret-abc»", "«\u212aiß»"},
		[]string{"EMP-1234567", "xAB-1234", "emp-123456", "top secret"})
	assert.True(t, s.Suspect([]byte("xAB-12345")), "a part of it matches")
	assert.False(t, s.Suspect([]byte("nothing here")))
}

func TestNothingIsHiddenTwice(t *testing.T) {
	s := set(t, Secrets(), Personal())
	for _, sample := range append(secretSamples(), personalSamples()...) {
		b := []byte(strings.NewReplacer("«", "", "»", "").Replace(sample))
		s.Redact(b)
		once := bytes.Clone(b)
		s.Redact(b)
		assert.Equal(t, string(once), string(b))
	}
}

func TestOverlapsCountOnce(t *testing.T) {
	s := set(t, Secrets(), Pattern("all", `hunter2@db`))
	b := []byte("postgres://u:hunter2@db/x")
	assert.Equal(t, 1, s.Redact(b))
	assert.Equal(t, "postgres://u:**********/x", string(b))
}

func TestLongFindings(t *testing.T) {
	s := set(t, Secrets())
	key := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat(alnum+"\n", 300) + "-----END PRIVATE KEY-----"
	b := []byte(key)
	assert.Equal(t, 1, s.Redact(b))
	assert.Equal(t, strings.Repeat("*", len(key)), string(b))
}
