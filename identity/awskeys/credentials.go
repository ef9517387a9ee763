package awskeys

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/internal/secret"
)

// Credentials are what a client signs its requests with. They print as the
// access key id and the time at which they end; encoding/json sees no more.
type Credentials struct {
	// AccessKeyID is "ASIA" and 16 characters. It may be recorded.
	AccessKeyID string
	// Expires is when they end, in full seconds and UTC.
	Expires time.Time

	secretAccessKey, sessionToken secret.Secret
}

// SecretAccessKey returns the secret: 40 characters of base64.
func (c Credentials) SecretAccessKey() string { return c.secretAccessKey.Reveal() }

// SessionToken returns what travels with each request: up to 8 KiB of letters,
// digits, "-" and "_".
func (c Credentials) SessionToken() string { return c.sessionToken.Reveal() }

// Document returns the credentials, secrets included, as the JSON object that
// clients read: from the standard output of a credential_process, and from a
// container-credentials endpoint (AWS_CONTAINER_CREDENTIALS_FULL_URI). One
// object serves both. It belongs into no file and no log.
func (c Credentials) Document() []byte {
	b, err := json.Marshal(struct {
		Version         int
		AccessKeyId     string // as it is on the wire
		SecretAccessKey string
		SessionToken    string // what credential_process calls it
		Token           string // what the endpoint calls it
		Expiration      string
	}{1, c.AccessKeyID, c.SecretAccessKey(), c.SessionToken(), c.SessionToken(), c.Expires.UTC().Format(time.RFC3339)})
	if err != nil {
		panic(err) // a number and five strings
	}
	return b
}

// String returns the access key id and when it ends.
func (c Credentials) String() string {
	return "AWS credentials " + c.AccessKeyID + " until " + c.Expires.UTC().Format(time.RFC3339)
}

// GoString returns what String does.
func (c Credentials) GoString() string { return c.String() }

// Format implements fmt.Formatter: every verb prints what String returns.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalJSON implements json.Marshaler without the secrets; [Credentials.Document] has
// them.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{"AccessKeyId": c.AccessKeyID, "Expiration": c.Expires})
}

// LogValue implements slog.LogValuer.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(slog.String("access_key_id", c.AccessKeyID), slog.Time("expires", c.Expires))
}
