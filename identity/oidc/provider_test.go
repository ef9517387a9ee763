package oidc

import (
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"

	"github.com/sallyport/sallyport/identity"
)

// A provider of another make issues the token, by the authorization code flow.
func TestRealProvider(t *testing.T) {
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer server.Close()
	issuer := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	const callback = "http://localhost:9999/auth/callback"
	storage.RegisterClients(storage.WebClient("gateway", "secret", callback))
	handler = exampleop.SetupServer(issuer, storage.NewStorage(storage.NewUserStore(issuer)), nil, false)

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Jar: jar, Transport: transport, Timeout: 10 * time.Second, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	metadata := struct {
		Authorization string `json:"authorization_endpoint"`
		Token         string `json:"token_endpoint"`
	}{}
	resp, err := client.Get(issuer + "/.well-known/openid-configuration")
	require.NoError(t, err)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&metadata))
	resp.Body.Close()
	resp, err = client.Get(metadata.Authorization + "?" + url.Values{
		"client_id": {"gateway"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile email"}, "state": {"x"},
	}.Encode())
	require.NoError(t, err)
	resp.Body.Close()
	login := resp.Request.URL
	resp, err = client.PostForm(issuer+login.Path, url.Values{
		"username": {"test-user@localhost"}, "password": {"verysecure"}, "id": {login.Query().Get("authRequestID")},
	})
	require.NoError(t, err)
	resp.Body.Close()
	back, err := resp.Location()
	require.NoError(t, err)
	request, err := http.NewRequest(http.MethodPost, metadata.Token, strings.NewReader(url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {callback},
	}.Encode()))
	require.NoError(t, err)
	request.SetBasicAuth("gateway", "secret")
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err = client.Do(request)
	require.NoError(t, err)
	defer resp.Body.Close()
	tokens := struct {
		ID string `json:"id_token"`
	}{}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&tokens))
	require.NotEmpty(t, tokens.ID)

	a, err := New(issuer, "gateway", Transport(transport), NameClaim("email"))
	require.NoError(t, err)
	p, err := prove(t, a, "anyone", tokens.ID)
	require.NoError(t, err)
	assert.Equal(t, issuer, p.Principal.Issuer)
	assert.Equal(t, "id1", p.Principal.Subject)
	assert.True(t, p.Principal.Expires.After(time.Now()))
	other, err := New(issuer, "elsewhere", Transport(transport))
	require.NoError(t, err)
	_, err = prove(t, other, "anyone", tokens.ID)
	require.ErrorIs(t, err, identity.ErrRefused)
}
