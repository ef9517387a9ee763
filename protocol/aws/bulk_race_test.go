package aws_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A client that sends the next request at once has net/http read the
// connection (its background read) while the upload's reader still asks bulk.ready.
func TestBulkRaceReadyWithBackgroundRead(t *testing.T) {
	pair := newTLSBed(t)
	pair.cloud.be(func(_ http.ResponseWriter, r *http.Request) { _, _ = new(bytes.Buffer).ReadFrom(r.Body) })
	for i := range 30 {
		conn, err := tls.Dial("tcp", pair.Addrs()[0].String(), &tls.Config{InsecureSkipVerify: true})
		require.NoError(t, err)
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		body := noise(150_000 + i*997)
		r := pair.signed("PUT", "/shop/key"+strings.Repeat("x", i), "s3", body, "")
		var all bytes.Buffer
		require.NoError(t, r.Write(&all))
		_, err = conn.Write(all.Bytes())
		require.NoError(t, err)
		_, _ = conn.Write(make([]byte, 200_000)) // the next request, so to say
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, r)
		require.NoError(t, err)
		_, _ = new(bytes.Buffer).ReadFrom(resp.Body)
		require.Equal(t, 200, resp.StatusCode)
		conn.Close()
	}
}
