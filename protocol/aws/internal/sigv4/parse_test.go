package sigv4_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

var signedAt = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// signed is a request to S3 as a client would send it.
func signed(t testing.TB, service, payload string, change ...func(*http.Request)) *http.Request {
	r := httptest.NewRequest("PUT", "http://bucket.s3.amazonaws.com/key?x=1", nil)
	r.Header.Set("Content-Type", "text/plain")
	r.Header.Set("X-Amz-Meta-A", "b")
	for _, c := range change {
		c(r)
	}
	_, err := sigv4.Sign(r, sigv4.Credentials{AccessKeyID: clientKey, SecretAccessKey: clientSecret, SessionToken: clientToken},
		service, "eu-west-1", payload, signedAt)
	require.NoError(t, err)
	return r
}

func edit(name, old, fresh string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, strings.Replace(r.Header.Get(name), old, fresh, 1)) }
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func add(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Add(name, value) }
}

func addQuery(q string) func(*http.Request) { return func(r *http.Request) { r.URL.RawQuery += q } }

// What is refused for its form, before any secret is looked at.
func TestParseRefuses(t *testing.T) {
	const auth = "Authorization"
	long := strings.Repeat("a", 40<<10)
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   error
	}{
		"nothing":                    {func(r *http.Request) { r.Header.Del(auth) }, sigv4.ErrUnsigned},
		"empty":                      {set(auth, ""), sigv4.ErrBearer},
		"version 2":                  {set(auth, "AWS AKIA:c2lnbmF0dXJl"), sigv4.ErrSigV2},
		"version 3":                  {set(auth, "AWS3-HTTPS AWSAccessKeyId=A"), sigv4.ErrSigV2},
		"version 3, other header":    {func(r *http.Request) { r.Header.Del(auth); r.Header.Set("X-Amzn-Authorization", "AWS3") }, sigv4.ErrSigV2},
		"version 2 in the query":     {func(r *http.Request) { r.Header.Del(auth); r.URL.RawQuery = "AWSAccessKeyId=A&Signature=b&Expires=1" }, sigv4.ErrSigV2},
		"version 2, its own token":   {func(r *http.Request) { r.Header.Del(auth); r.URL.RawQuery = "AWSAccessKeyId=A&x-amz-security-token=t" }, sigv4.ErrSigV2},
		"both versions":              {addQuery("&AWSAccessKeyId=A"), sigv4.ErrSigV2},
		"multi-region":               {edit(auth, "HMAC", "ECDSA-P256"), sigv4.ErrSigV4A},
		"certificates":               {edit(auth, "HMAC", "X509-RSA"), sigv4.ErrUnsupported},
		"bearer":                     {set(auth, "Bearer abc"), sigv4.ErrBearer},
		"basic":                      {set(auth, "Basic abc"), sigv4.ErrBearer},
		"two":                        {add(auth, "Bearer abc"), sigv4.ErrMalformed},
		"too long":                   {edit(auth, "Signature=", "Signature="+long), sigv4.ErrMalformed},
		"header and query":           {addQuery("&X-Amz-Signature=0"), sigv4.ErrMalformed},
		"header and query, spelt":    {addQuery("&x-amz-signature=0"), sigv4.ErrMalformed},
		"hoisted":                    {addQuery("&x-amz-acl=public-read"), sigv4.ErrMalformed},
		"another part":               {edit(auth, "Signature=", "Extra=1, Signature="), sigv4.ErrMalformed},
		"a part twice":               {edit(auth, "Signature=", "Signature=0, Signature="), sigv4.ErrMalformed},
		"no credential":              {edit(auth, "Credential=", "Cred="), sigv4.ErrMalformed},
		"no signature":               {set(auth, "AWS4-HMAC-SHA256 Credential=A/20261123/r/s3/aws4_request, SignedHeaders=host"), sigv4.ErrMalformed},
		"only the algorithm":         {set(auth, "AWS4-HMAC-SHA256"), sigv4.ErrMalformed},
		"short signature":            {edit(auth, "Signature=", "Signature=00"), sigv4.ErrMalformed},
		"not hexadecimal":            {func(r *http.Request) { v := r.Header.Get(auth); r.Header.Set(auth, v[:len(v)-1]+"g") }, sigv4.ErrMalformed},
		"terminator":                 {edit(auth, "aws4_request", "aws5_request"), sigv4.ErrMalformed},
		"scope too short":            {edit(auth, "/eu-west-1", ""), sigv4.ErrMalformed},
		"scope too long":             {edit(auth, "/eu-west-1", "/eu-west-1/x"), sigv4.ErrMalformed},
		"empty region":               {edit(auth, "/eu-west-1/", "//"), sigv4.ErrMalformed},
		"odd region":                 {edit(auth, "eu-west-1", "eu\x00west"), sigv4.ErrMalformed},
		"long key":                   {edit(auth, clientKey, strings.Repeat("A", 200)), sigv4.ErrMalformed},
		"another day":                {edit(auth, "20261123", "20261122"), sigv4.ErrMalformed},
		"no date":                    {func(r *http.Request) { r.Header.Del("X-Amz-Date") }, sigv4.ErrMalformed},
		"two dates":                  {add("X-Amz-Date", "20261123T120000Z"), sigv4.ErrMalformed},
		"fraction":                   {set("X-Amz-Date", "20261123T120000.5Z"), sigv4.ErrMalformed},
		"offset":                     {set("X-Amz-Date", "20261123T120000+00"), sigv4.ErrMalformed},
		"host not signed":            {edit(auth, ";host;", ";"), sigv4.ErrHeaderNotSigned},
		"another x-amz header":       {set("X-Amz-Acl", "public-read"), sigv4.ErrHeaderNotSigned},
		"target":                     {set("X-Amz-Target", "Other"), sigv4.ErrHeaderNotSigned},
		"token not signed":           {edit(auth, ";x-amz-security-token", ""), sigv4.ErrHeaderNotSigned},
		"two tokens":                 {add("X-Amz-Security-Token", "x"), sigv4.ErrMalformed},
		"long token":                 {set("X-Amz-Security-Token", long), sigv4.ErrMalformed},
		"signed, upper case":         {edit(auth, ";host;", ";HOST;"), sigv4.ErrMalformed},
		"signed, not sorted":         {edit(auth, "content-type;host", "host;content-type"), sigv4.ErrMalformed},
		"signed twice":               {edit(auth, ";host;", ";host;host;"), sigv4.ErrMalformed},
		"signed, empty":              {edit(auth, ";host;", ";;host;"), sigv4.ErrMalformed},
		"signed, too many":           {edit(auth, "=content-type", "="+strings.Repeat("a;", 600)+"content-type"), sigv4.ErrMalformed},
		"no payload":                 {func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, sigv4.ErrMalformed},
		"two payloads":               {add("X-Amz-Content-Sha256", emptyHash), sigv4.ErrMalformed},
		"empty payload":              {set("X-Amz-Content-Sha256", ""), sigv4.ErrMalformed},
		"payload in upper case":      {set("X-Amz-Content-Sha256", strings.ToUpper(emptyHash)), sigv4.ErrMalformed},
		"payload of another length":  {set("X-Amz-Content-Sha256", emptyHash+"00"), sigv4.ErrMalformed},
		"payload, odd":               {set("X-Amz-Content-Sha256", "unsigned-payload"), sigv4.ErrMalformed},
		"events":                     {set("X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-EVENTS"), sigv4.ErrUnsupported},
		"multi-region chunks":        {set("X-Amz-Content-Sha256", "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), sigv4.ErrSigV4A},
		"unknown streaming":          {set("X-Amz-Content-Sha256", "STREAMING-X"), sigv4.ErrUnsupported},
		"chunked without streaming":  {set("Content-Encoding", "gzip, aws-chunked"), sigv4.ErrMalformed},
		"S3 Express session":         {set("X-Amz-S3session-Token", "t"), sigv4.ErrUnsupported},
		"percent in the query":       {addQuery("&a=%zz"), sigv4.ErrMalformed},
		"percent ends the query":     {addQuery("&a=%4"), sigv4.ErrMalformed},
		"long query":                 {addQuery("&a=" + long + long), sigv4.ErrMalformed},
		"many parameters":            {addQuery(strings.Repeat("&a", 5000)), sigv4.ErrMalformed},
		"long path":                  {func(r *http.Request) { r.URL.Path = "/" + long }, sigv4.ErrMalformed},
		"path without a slash":       {func(r *http.Request) { r.URL.Path, r.URL.RawPath = "*", "" }, sigv4.ErrMalformed},
		"signed header isn't there":  {func(r *http.Request) { r.Header.Del("X-Amz-Meta-A") }, nil},
		"unsigned header is changed": {set("User-Agent", "x"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, "s3", "UNSIGNED-PAYLOAD")
			tt.change(r)
			_, err := sigv4.Parse(r)
			require.ErrorIs(t, err, tt.want)
			if err != nil {
				assert.NotContains(t, err.Error(), clientToken)
			}
		})
	}
}

func presignedTarget(service, expires, more string) string {
	return "http://h/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=A%2F20261123%2Fr%2F" + service +
		"%2Faws4_request&X-Amz-Date=20261123T120000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=" + emptyHash + expires + more
}

func TestParsePresigned(t *testing.T) {
	const minute = "&X-Amz-Expires=60"
	for name, tt := range map[string]struct {
		target string
		header string
		want   error
	}{
		"good":                     {presignedTarget("s3", minute, ""), "", nil},
		"hoisted":                  {presignedTarget("s3", minute, "&x-amz-acl=private"), "", nil},
		"no end":                   {presignedTarget("s3", "", ""), "", sigv4.ErrMalformed},
		"no end, not S3":           {presignedTarget("sts", "", ""), "", nil},
		"end is zero":              {presignedTarget("s3", "&X-Amz-Expires=0", ""), "", sigv4.ErrMalformed},
		"end is negative":          {presignedTarget("s3", "&X-Amz-Expires=-1", ""), "", sigv4.ErrMalformed},
		"eight days":               {presignedTarget("s3", "&X-Amz-Expires=691200", ""), "", sigv4.ErrMalformed},
		"end overflows":            {presignedTarget("s3", "&X-Amz-Expires=99999999999999999999", ""), "", sigv4.ErrMalformed},
		"end twice":                {presignedTarget("s3", minute, minute), "", sigv4.ErrMalformed},
		"spelt otherwise":          {presignedTarget("s3", "&x-amz-expires=60", ""), "", sigv4.ErrMalformed},
		"encoded name twice":       {presignedTarget("s3", minute, "&X-Amz-%45xpires=60"), "", sigv4.ErrMalformed},
		"no algorithm":             {"http://h/k?X-Amz-Signature=0", "", sigv4.ErrMalformed},
		"multi-region":             {strings.Replace(presignedTarget("s3", minute, ""), "HMAC", "ECDSA-P256", 1), "", sigv4.ErrSigV4A},
		"date in a header":         {presignedTarget("s3", minute, ""), "X-Amz-Date", sigv4.ErrMalformed},
		"token in a header":        {presignedTarget("s3", minute, ""), "X-Amz-Security-Token", sigv4.ErrMalformed},
		"x-amz header":             {presignedTarget("s3", minute, ""), "X-Amz-Acl", sigv4.ErrHeaderNotSigned},
		"hoisted twice":            {presignedTarget("s3", minute, "&x-amz-acl=a&X-Amz-Acl=b"), "", sigv4.ErrMalformed},
		"hoisted line break":       {presignedTarget("s3", minute, "&x-amz-acl=a%0d%0ab"), "", sigv4.ErrMalformed},
		"hoisted name is no token": {presignedTarget("s3", minute, "&x-amz-%20=a"), "", sigv4.ErrMalformed},
		"hoisted length":           {presignedTarget("s3", minute, "&x-amz-decoded-content-length=1"), "", sigv4.ErrMalformed},
		"streaming":                {presignedTarget("s3", minute, "&X-Amz-Content-Sha256=STREAMING-UNSIGNED-PAYLOAD-TRAILER"), "", sigv4.ErrUnsupported},
		"two payloads":             {presignedTarget("s3", minute, "&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-amz-content-sha256="+emptyHash), "", sigv4.ErrMalformed},
		"S3 Express session":       {presignedTarget("s3express", minute, "&X-Amz-S3session-Token=t"), "", sigv4.ErrUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.target, nil)
			if tt.header != "" {
				r.Header.Set(tt.header, "x")
			}
			c, err := sigv4.Parse(r)
			require.ErrorIs(t, err, tt.want)
			if err == nil {
				assert.True(t, c.Presigned)
				assert.NotZero(t, c.Expires)
			}
		})
	}
}

func TestParseStreaming(t *testing.T) {
	const signedPayload, trailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	length := set("X-Amz-Decoded-Content-Length", "5")
	for name, tt := range map[string]struct {
		service, payload string
		change           []func(*http.Request)
		want             error
	}{
		"signed":             {"s3", signedPayload, []func(*http.Request){length}, nil},
		"no length":          {"s3", signedPayload, nil, sigv4.ErrMalformed},
		"no length needed":   {"s3", trailer, nil, nil},
		"negative length":    {"s3", trailer, []func(*http.Request){set("X-Amz-Decoded-Content-Length", "-5")}, sigv4.ErrMalformed},
		"huge length":        {"s3", trailer, []func(*http.Request){set("X-Amz-Decoded-Content-Length", "9223372036854775807")}, sigv4.ErrMalformed},
		"two lengths":        {"s3", trailer, []func(*http.Request){length, add("X-Amz-Decoded-Content-Length", "5")}, sigv4.ErrMalformed},
		"trailers":           {"s3", trailer, []func(*http.Request){set("X-Amz-Trailer", "x-amz-checksum-crc32, X-Amz-Checksum-Sha1")}, nil},
		"trailer twice":      {"s3", trailer, []func(*http.Request){set("X-Amz-Trailer", "x-amz-a"), add("X-Amz-Trailer", "X-Amz-A")}, sigv4.ErrMalformed},
		"another trailer":    {"s3", trailer, []func(*http.Request){set("X-Amz-Trailer", "authorization")}, sigv4.ErrMalformed},
		"its signature":      {"s3", trailer, []func(*http.Request){set("X-Amz-Trailer", "x-amz-trailer-signature")}, sigv4.ErrMalformed},
		"trailers, unsigned": {"s3", signedPayload, []func(*http.Request){length, set("X-Amz-Trailer", "x-amz-a")}, sigv4.ErrMalformed},
		"another service":    {"dynamodb", trailer, nil, sigv4.ErrUnsupported},
		"length elsewhere":   {"s3", "UNSIGNED-PAYLOAD", []func(*http.Request){length}, sigv4.ErrMalformed},
		"trailers elsewhere": {"s3", "UNSIGNED-PAYLOAD", []func(*http.Request){set("X-Amz-Trailer", "x-amz-a")}, sigv4.ErrMalformed},
		"too many trailers": {"s3", trailer, []func(*http.Request){func(r *http.Request) {
			for i := range 17 {
				r.Header.Add("X-Amz-Trailer", fmt.Sprintf("x-amz-%d", i))
			}
		}}, sigv4.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, tt.service, tt.payload, tt.change...)
			c, err := sigv4.Parse(r)
			require.ErrorIs(t, err, tt.want)
			if err == nil {
				require.NoError(t, c.Verify(r, clientSecret, signedAt, nil, sigv4.Options{}))
			}
		})
	}
}

func TestClaimHidesSecrets(t *testing.T) {
	r := signed(t, "s3", "UNSIGNED-PAYLOAD")
	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	cred := sigv4.Credentials{AccessKeyID: clientKey, SecretAccessKey: clientSecret, SessionToken: clientToken}
	resign := sigv4.Resign{SecretAccessKey: clientSecret, Region: "r", Service: "s3", Time: signedAt, Seed: c.Signature}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "claim", c, "pointer", &c, "credentials", cred, "resign", resign)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "claim", c, "pointer", &c, "credentials", &cred, "resign", &resign)
	text, err := json.Marshal([]any{c, cred, resign})
	require.NoError(t, err)
	log.Write(text)
	all := log.String() + fmt.Sprintf("%v %+v %#v %s %x %d %v %#v %v %+v %#v %q", c, c, c, c, c, c, &c, &c, cred, cred, &cred, cred) +
		fmt.Sprintf("%v %+v %#v %s", resign, &resign, resign, resign)
	assert.Contains(t, all, clientKey)
	for _, secret := range []string{clientSecret, clientToken, fmt.Sprintf("%x", c.Signature), fmt.Sprint(c.Signature), fmt.Sprintf("%x", clientToken)} {
		assert.NotContains(t, all, secret)
	}
}
