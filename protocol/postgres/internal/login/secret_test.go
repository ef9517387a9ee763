package login_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/xdg-go/scram"

	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
)

func storedCredentials(t *testing.T, password string) scram.StoredCredentials {
	client, err := scram.SHA256.NewClient("", password, "")
	require.NoError(t, err)
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: "0123456789abcdef", Iters: 4096})
	require.NoError(t, err)
	return stored
}

func parsed(t *testing.T, c tls.Certificate) []*x509.Certificate {
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	return []*x509.Certificate{leaf}
}

func TestSecretDoesNotShow(t *testing.T) {
	cert, _ := certificate(t)
	l := login.Login{User: "u", Password: login.NewSecret("canary"), Certificate: &cert, Database: "d"}
	hidden := struct {
		l login.Login
		s login.Secret
	}{l, l.Password}
	var out bytes.Buffer
	for _, v := range []any{l, &l, l.Password, &l.Password, hidden, []login.Login{l}, map[string]login.Secret{"k": l.Password}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		_ = json.NewEncoder(&out).Encode(v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "v", v)
	}
	for _, form := range []string{"canary", fmt.Sprintf("%x", "canary"), "[99 97 110", "Y2FuYXJ5", "PrivateKey"} {
		assert.NotContains(t, out.String(), form)
	}
	assert.Contains(t, out.String(), "[secret]")

	assert.Equal(t, "canary", l.Password.Reveal())
	assert.True(t, l.Password.Equal(login.NewSecret("canary")))
	assert.False(t, l.Password.Equal(login.Secret{}))
	assert.True(t, login.Secret{}.Empty())
	assert.True(t, login.NewSecret("").Empty())
	assert.Empty(t, login.Secret{}.Reveal())
	var read login.Secret
	require.NoError(t, json.Unmarshal([]byte(`"canary"`), &read))
	assert.Equal(t, "canary", read.Reveal())
}
