package aws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4/strict"
)

const (
	roleARN    = "arn:aws:iam::123456789012:role/agents"
	roleKey    = "ASIAROLEROLEROLEROLE"
	roleSecret = "rolesecretrolesecretrolesecretrolesecre"
)

// authority is a target that is STS too: what it hands out it takes, and
// nothing else.
type authority struct {
	t testing.TB

	mu      sync.Mutex
	life    time.Duration // of what it hands out
	refuse  func(w http.ResponseWriter) bool
	assumed []url.Values
	signers []string // of the other calls
}

func (a *authority) token() string { return fmt.Sprintf("roletoken%d=", len(a.assumed)) }

func (a *authority) serve(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	toSTS := strings.Contains(r.Header.Get("Authorization"), "/sts/aws4_request")
	lookup := strict.One(roleKey, roleSecret, a.token())
	if toSTS {
		lookup = strict.One(realKey, realSecret, "")
		assert.Contains(a.t, r.Header.Get("Authorization"), "/eu-central-1/sts/")
	}
	body, err := strict.Check(r, lookup, time.Now())
	if !assert.NoError(a.t, err) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if !toSTS {
		a.signers = append(a.signers, r.Header.Get("X-Amz-Security-Token"))
		return
	}
	if a.refuse != nil && a.refuse(w) {
		return
	}
	form, err := url.ParseQuery(string(body))
	assert.NoError(a.t, err)
	a.assumed = append(a.assumed, form)
	w.Header().Set("Content-Type", "text/xml")
	fmt.Fprintf(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><SessionToken>%s</SessionToken><Expiration>%s</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`,
		roleKey, roleSecret, a.token(), time.Now().Add(a.life).UTC().Format(time.RFC3339Nano))
}

func (a *authority) counts() (assumed, calls int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.assumed), len(a.signers)
}

func (a *authority) refusing(refuse func(w http.ResponseWriter) bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refuse = refuse
}

func withRole(t *testing.T, life time.Duration) (*bed, *authority) {
	a := &authority{t: t, life: life}
	b := newBed(t, func(c *aws.Config) {
		c.Login = aws.StaticLogin(aws.Login{
			Credentials: aws.Credentials{AccessKeyID: realKey, SecretAccessKey: aws.NewSecret(realSecret)},
			Role:        aws.Role{ARN: roleARN, ExternalID: "x1", Region: "eu-central-1", Tags: map[string]string{"team": "pay"}, Life: 20 * time.Minute},
		})
	}, nil)
	b.cloud.be(a.serve)
	return b, a
}

func (b *bed) get() (*http.Response, string) {
	return b.do(b.signed("GET", "/shop/key", "s3", nil, ""))
}

func TestRole(t *testing.T) {
	b, a := withRole(t, time.Hour)
	b.creds = b.signInWith(b.mint.For(identity.Principal{Subject: "agent/7", OnBehalfOf: "ann@example.com"}), "agent/7")
	var all sync.WaitGroup
	for range 5 {
		r := b.signed("GET", "/shop/key", "s3", nil, "")
		all.Go(func() {
			resp, text := b.do(r)
			assert.Equal(t, 200, resp.StatusCode, text)
		})
	}
	all.Wait()
	assumed, calls := a.counts()
	require.Equal(t, 1, assumed, "once for a session")
	require.Equal(t, 5, calls)
	form := a.assumed[0]
	session := b.operation("sts:AssumeRole").Session
	require.Equal(t, roleARN, form.Get("RoleArn"))
	require.Equal(t, "agent-7", form.Get("SourceIdentity"))
	require.Equal(t, session, form.Get("RoleSessionName"))
	require.Equal(t, "1200", form.Get("DurationSeconds"))
	require.Equal(t, "x1", form.Get("ExternalId"))
	tags := map[string]string{}
	for i := 1; form.Has(fmt.Sprintf("Tags.member.%d.Key", i)); i++ {
		tags[form.Get(fmt.Sprintf("Tags.member.%d.Key", i))] = form.Get(fmt.Sprintf("Tags.member.%d.Value", i))
	}
	require.Equal(t, map[string]string{
		"team": "pay", "sallyport:principal": "agent/7", "sallyport:session": session, "sallyport:on-behalf-of": "ann@example.com",
	}, tags)

	op := b.operation("sts:AssumeRole")
	require.Equal(t, protocol.OriginGateway, op.Origin)
	require.Equal(t, protocol.Credential, op.Effects)
	require.Equal(t, []string{"arn " + roleARN}, names(op))
	require.Equal(t, protocol.OK, op.Outcome.Result)
	require.Contains(t, op.Outcome.Text, roleKey)
	b.noSecrets(t, roleSecret, a.token())
}

func TestRoleIsRenewed(t *testing.T) {
	t.Parallel()
	b, a := withRole(t, 5*time.Minute+time.Second)
	for range 3 {
		resp, text := b.get()
		require.Equal(t, 200, resp.StatusCode, text)
	}
	assumed, _ := a.counts()
	require.Equal(t, 1, assumed)
	time.Sleep(1100 * time.Millisecond)
	resp, text := b.get()
	require.Equal(t, 200, resp.StatusCode, text)
	assumed, _ = a.counts()
	require.Equal(t, 2, assumed, "five minutes before they end")
	require.Equal(t, []string{"roletoken1=", "roletoken1=", "roletoken1=", "roletoken2="}, a.signers)
}

func TestRoleIsRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(w http.ResponseWriter) bool
		result protocol.Result
		code   string
	}{
		"denied": {func(w http.ResponseWriter) bool {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>`)
			return true
		}, protocol.Failed, "AccessDenied"},
		"nonsense": {func(w http.ResponseWriter) bool { fmt.Fprint(w, "hello"); return true }, protocol.Failed, ""},
		"half of it": {func(w http.ResponseWriter) bool {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "<")
			panic(http.ErrAbortHandler)
		}, protocol.Unknown, ""},
		"no secret": {func(w http.ResponseWriter) bool {
			fmt.Fprint(w, `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
			return true
		}, protocol.Failed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b, a := withRole(t, time.Hour)
			a.refusing(tt.answer)
			resp, text := b.do(b.signed("PUT", "/shop/key", "s3", make([]byte, 200_000), "UNSIGNED-PAYLOAD"))
			require.Equal(t, 403, resp.StatusCode, text)
			require.Contains(t, text, "<Code>AccessDenied</Code>")
			require.Contains(t, text, "no credentials for the target")
			require.NotContains(t, text, roleARN)
			_, calls := a.counts()
			require.Zero(t, calls)
			op := b.operation("sts:AssumeRole")
			require.Equal(t, tt.result, op.Outcome.Result)
			require.Equal(t, tt.code, op.Outcome.Code)
			require.Equal(t, protocol.NotSent, b.operation("s3:PutObject").Outcome.Result)
			b.noSecrets(t, roleSecret)

			a.refusing(nil)
			resp, text = b.get()
			require.Equal(t, 200, resp.StatusCode, text)
		})
	}
}

// A client that leaves while STS thinks takes nobody else with it.
func TestRoleThatTakesLong(t *testing.T) {
	b, a := withRole(t, time.Hour)
	asked := make(chan struct{})
	b.cloud.be(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(asked)
		<-r.Context().Done()
	})
	ctx, leave := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/first", "s3", nil, "").WithContext(ctx))
		assert.Error(t, err)
	})
	<-asked
	b.cloud.be(a.serve)
	second := b.signed("GET", "/shop/second", "s3", nil, "")
	done.Go(func() {
		resp, text := b.do(second)
		assert.Equal(t, 200, resp.StatusCode, text)
	})
	time.Sleep(50 * time.Millisecond)
	leave()
	done.Wait()
	require.Equal(t, protocol.NotSent, b.Record.Operation(t, "first").Outcome.Result)
	require.Equal(t, protocol.OK, b.Record.Operation(t, "second").Outcome.Result)
}

func TestLoginFails(t *testing.T) {
	for name, login := range map[string]aws.LoginFunc{
		"with an error": func(context.Context, identity.Principal, protocol.Target) (aws.Login, error) {
			return aws.Login{}, errors.New("the vault is sealed")
		},
		"with nothing":       aws.StaticLogin(aws.Login{}),
		"of the environment": aws.EnvironmentLogin(func(string) string { return "" }, aws.Role{}),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, func(c *aws.Config) { c.Login = login }, nil)
			resp, text := b.get()
			require.Equal(t, 403, resp.StatusCode)
			require.Contains(t, text, "no credentials for the target")
			require.NotContains(t, text, "vault")
			require.Empty(t, b.cloud.requests())
			require.Equal(t, protocol.NotSent, b.operation("s3:GetObject").Outcome.Result)
		})
	}
}

func TestEnvironmentLogin(t *testing.T) {
	env := map[string]string{"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
	got, err := aws.EnvironmentLogin(func(n string) string { return env[n] }, aws.Role{ARN: roleARN})(context.Background(), identity.Principal{}, protocol.Target{})
	require.NoError(t, err)
	require.Equal(t, "AKIA1", got.Credentials.AccessKeyID)
	require.Equal(t, "s", got.Credentials.SecretAccessKey.Reveal())
	require.Equal(t, "t", got.Credentials.SessionToken.Reveal())
	require.Equal(t, "AKIA1 "+roleARN, fmt.Sprintf("%+v", got))
}
