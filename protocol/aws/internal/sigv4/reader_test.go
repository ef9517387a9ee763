package sigv4_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// framed is a body as a client would send it, with the claim of its head.
type framed struct {
	claim  sigv4.Claim
	chunks []string
	body   string
}

func (f framed) data() string { return strings.Join(f.chunks, "") }

func streamClaim(p sigv4.Payload, length int) sigv4.Claim {
	c := sigv4.Claim{AccessKeyID: "AK", Date: "20261123", Region: "eu-west-1", Service: "s3", Payload: p, DecodedLength: int64(length),
		Time: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC), Signature: bytes.Repeat([]byte{7}, 32)}
	if p != sigv4.StreamingSigned {
		c.Trailers = []string{"x-amz-checksum-crc32"}
	}
	return c
}

// frame is written after the specification and apart from the code under test.
func frame(p sigv4.Payload, chunks ...string) framed {
	f := framed{claim: streamClaim(p, len(strings.Join(chunks, ""))), chunks: chunks}
	key := []byte("AWS4" + clientSecret)
	sign := func(text string) string {
		h := hmac.New(sha256.New, key)
		_, _ = io.WriteString(h, text)
		return string(h.Sum(nil))
	}
	for _, part := range []string{"20261123", "eu-west-1", "s3", "aws4_request"} {
		key = []byte(sign(part))
	}
	const scope = "20261123T010203Z\n20261123/eu-west-1/s3/aws4_request\n"
	last := hex.EncodeToString(f.claim.Signature)
	var b strings.Builder
	for _, c := range append(chunks, "") {
		fmt.Fprintf(&b, "%x", len(c))
		if p != sigv4.StreamingUnsignedTrailer {
			last = hex.EncodeToString([]byte(sign(fmt.Sprintf("AWS4-HMAC-SHA256-PAYLOAD\n%s%s\n%s\n%x", scope, last, emptyHash, sha256.Sum256([]byte(c))))))
			b.WriteString(";chunk-signature=" + last)
		}
		b.WriteString("\r\n" + c)
		if c != "" {
			b.WriteString("\r\n")
		}
	}
	const trailer = "x-amz-checksum-crc32:AAAAAA=="
	switch p {
	case sigv4.StreamingUnsignedTrailer:
		b.WriteString(trailer + "\r\n")
	case sigv4.StreamingSignedTrailer:
		b.WriteString(trailer + "\n\r\nx-amz-trailer-signature:" + hex.EncodeToString([]byte(sign(fmt.Sprintf(
			"AWS4-HMAC-SHA256-TRAILER\n%s%s\n%x", scope, last, sha256.Sum256([]byte(trailer+"\n")))))) + "\r\n")
	}
	b.WriteString("\r\n")
	f.body = b.String()
	return f
}

// hashed is a body whose hash stands in the head.
func hashed(data string) framed {
	return framed{claim: sigv4.Claim{Payload: sigv4.Hashed, PayloadHash: sha256.Sum256([]byte(data)), DecodedLength: -1},
		chunks: []string{data}, body: data}
}

func bodies() map[string]framed {
	return map[string]framed{
		"signed":           frame(sigv4.StreamingSigned, "hello ", "signed", " world"),
		"signed, empty":    frame(sigv4.StreamingSigned),
		"signed trailer":   frame(sigv4.StreamingSignedTrailer, "hello ", "signed", " world"),
		"unsigned trailer": frame(sigv4.StreamingUnsignedTrailer, "hello ", "unsigned", " world"),
		"hashed":           hashed("hello hashed world"),
	}
}

var resignAll = &sigv4.Resign{SecretAccessKey: gatewaySecret, Region: "us-east-1", Service: "s3",
	Time: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Seed: bytes.Repeat([]byte{9}, 32)}

func (f framed) read(body io.Reader) (data, wire string, err error) {
	return drain(sigv4.NewReader(body, f.claim, clientSecret, resignAll))
}

func TestReaderSplits(t *testing.T) {
	for name, f := range bodies() {
		t.Run(name, func(t *testing.T) {
			_, want, err := f.read(strings.NewReader(f.body))
			require.NoError(t, err)
			assert.Len(t, want, len(f.body), "framed anew it is as long as before")
			for cut := range len(f.body) + 1 {
				data, wire, err := f.read(io.MultiReader(strings.NewReader(f.body[:cut]), strings.NewReader(f.body[cut:])))
				require.NoError(t, err, cut)
				require.Equal(t, f.data(), data)
				require.Equal(t, want, wire)
			}
			for _, wrap := range []func(io.Reader) io.Reader{iotest.OneByteReader, iotest.DataErrReader, iotest.HalfReader} {
				data, wire, err := f.read(wrap(strings.NewReader(f.body)))
				require.NoError(t, err)
				require.Equal(t, f.data(), data)
				require.Equal(t, want, wire)
			}
			data, err := io.ReadAll(iotest.OneByteReader(sigv4.NewReader(strings.NewReader(f.body), f.claim, clientSecret, nil)))
			require.NoError(t, err)
			require.Equal(t, f.data(), string(data))
		})
	}
}

// requireProven holds that only proven bytes have come out, and that the target can't take them for the whole.
func (f framed) requireProven(t *testing.T, data, wire string, why any) {
	t.Helper()
	require.Less(t, len(wire), len(f.body), "%v: the end came out", why)
	if f.claim.Payload == sigv4.Hashed {
		return // nothing is proven before the end, which alone must be held back
	}
	require.True(t, strings.HasPrefix(f.data(), data), "%v: %q came out", why, data)
	if f.claim.Payload == sigv4.StreamingSigned || f.claim.Payload == sigv4.StreamingSignedTrailer {
		whole := ""
		for _, c := range append(f.chunks, "") {
			if whole == data {
				return
			}
			whole += c
		}
		require.Equal(t, whole, data, "%v: a part of a chunk came out", why)
	}
}

func TestReaderTampered(t *testing.T) {
	for name, f := range bodies() {
		if f.claim.Payload == sigv4.StreamingUnsignedTrailer {
			continue // nothing says what it should be
		}
		t.Run(name, func(t *testing.T) {
			for i := range len(f.body) {
				bad := []byte(f.body)
				bad[i] ^= 1
				data, wire, err := f.read(iotest.OneByteReader(bytes.NewReader(bad)))
				require.Error(t, err, "byte %d", i)
				f.requireProven(t, data, wire, i)
			}
		})
	}
}

func TestReaderEnds(t *testing.T) {
	for name, f := range bodies() {
		t.Run(name, func(t *testing.T) {
			for i := range len(f.body) {
				data, wire, err := f.read(strings.NewReader(f.body[:i]))
				require.Error(t, err, "cut at %d", i)
				f.requireProven(t, data, wire, i)
				if f.claim.Payload.Chunked() {
					require.ErrorIs(t, err, sigv4.ErrIncomplete, "cut at %d", i)
				}
			}
			broken := errors.New("the connection broke")
			for i := range len(f.body) + 1 {
				data, wire, err := f.read(io.MultiReader(strings.NewReader(f.body[:i]), iotest.ErrReader(broken)))
				require.ErrorIs(t, err, broken)
				f.requireProven(t, data, wire, i)
			}
			for _, more := range []string{"x", "\r\n", f.body, "0\r\n\r\n", "0;chunk-signature=" + strings.Repeat("0", 64) + "\r\n\r\n"} {
				data, wire, err := f.read(strings.NewReader(f.body + more))
				require.Error(t, err, more)
				f.requireProven(t, data, wire, more)
			}
		})
	}
}

func TestReaderRefuses(t *testing.T) {
	signed, trailer := frame(sigv4.StreamingSigned, "abc"), frame(sigv4.StreamingSignedTrailer, "abc")
	plain := frame(sigv4.StreamingUnsignedTrailer, "abc")
	swap := func(f framed, old, fresh string) framed {
		require.Contains(t, f.body, old)
		f.body = strings.Replace(f.body, old, fresh, 1)
		return f
	}
	lengthOf := func(f framed, n int64) framed { f.claim.DecodedLength = n; return f }
	announced := func(f framed, names ...string) framed { f.claim.Trailers = names; return f }
	for name, tt := range map[string]struct {
		f    framed
		want error
	}{
		"longer than said":         {lengthOf(signed, 2), sigv4.ErrIncomplete},
		"shorter than said":        {lengthOf(signed, 4), sigv4.ErrIncomplete},
		"unsigned, longer":         {lengthOf(plain, 2), sigv4.ErrIncomplete},
		"unsigned, shorter":        {lengthOf(plain, 4), sigv4.ErrIncomplete},
		"no signature":             {swap(signed, ";chunk-signature=", ";chunk-sig=aaaaaa"), sigv4.ErrFraming},
		"extension where unsigned": {swap(plain, "3\r\n", "3;a=b\r\n"), sigv4.ErrFraming},
		"empty extension":          {swap(plain, "3\r\n", "3;\r\n"), sigv4.ErrFraming},
		"line feed alone":          {swap(plain, "3\r\n", "3\n"), sigv4.ErrFraming},
		"negative":                 {swap(plain, "3\r\n", "-3\r\n"), sigv4.ErrFraming},
		"prefix":                   {swap(plain, "3\r\n", "0x3\r\n"), sigv4.ErrFraming},
		"space":                    {swap(plain, "3\r\n", " 3\r\n"), sigv4.ErrFraming},
		"no size":                  {swap(plain, "3\r\n", "\r\n"), sigv4.ErrFraming},
		"huge":                     {lengthOf(swap(plain, "3\r\n", "ffffffffffffffff\r\n"), -1), sigv4.ErrFraming},
		"17 digits":                {swap(plain, "3\r\n", "00000000000000003\r\n"), sigv4.ErrFraming},
		"endless line":             {swap(plain, "3\r\n", strings.Repeat("0", 1<<20)), sigv4.ErrFraming},
		"long line":                {swap(plain, "3\r\n", "3;"+strings.Repeat("0", 2<<10)+"\r\n"), sigv4.ErrFraming},
		"signed chunk too large":   {lengthOf(swap(signed, "3;", "400001;"), 1<<40), sigv4.ErrFraming},
		"data longer than chunk":   {swap(plain, "abc", "abcd"), sigv4.ErrFraming},
		"not announced":            {announced(plain, "x-amz-checksum-sha256"), sigv4.ErrFraming},
		"none announced":           {announced(plain), sigv4.ErrFraming},
		"one missing":              {announced(plain, "x-amz-checksum-crc32", "x-amz-checksum-sha256"), sigv4.ErrFraming},
		"twice":                    {swap(plain, "x-amz-checksum-crc32:", "x-amz-checksum-crc32:A\r\nx-amz-checksum-crc32:"), sigv4.ErrFraming},
		"no colon":                 {swap(plain, "crc32:", "crc32 "), sigv4.ErrFraming},
		"control character":        {swap(plain, "AAAAAA==", "AAA\x00AA=="), sigv4.ErrFraming},
		"bare line feed":           {swap(plain, "==\r\n", "==\n"), sigv4.ErrFraming},
		"long trailer":             {swap(plain, "AAAAAA==", strings.Repeat("A", 17<<10)), sigv4.ErrFraming},
		"trailer after none":       {swap(signed, "\r\n\r\n", "\r\nx-amz-checksum-crc32:A\r\n\r\n"), sigv4.ErrFraming},
		"signature not last":       {swap(trailer, "\r\nx-amz-trailer-signature", "\r\nx-amz-other"), sigv4.ErrFraming},
		"short trailer signature":  {swap(trailer, "trailer-signature:", "trailer-signature:a"), sigv4.ErrFraming},
		"signed trailer changed":   {swap(trailer, "AAAAAA==", "AAAAAB=="), sigv4.ErrMismatch},
		"signed trailer left out":  {announced(swap(trailer, "x-amz-checksum-crc32:AAAAAA==\n\r\n", "")), sigv4.ErrMismatch},
		"undeclared":               {framed{claim: sigv4.Claim{}, body: "abc"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := sigv4.NewReader(strings.NewReader(tt.f.body), tt.f.claim, clientSecret, resignAll)
			_, wire, err := drain(r)
			require.Error(t, err)
			if tt.want != nil {
				require.ErrorIs(t, err, tt.want)
			}
			assert.NotContains(t, wire, "\r\n0")
			_, again := r.Next()
			assert.Equal(t, err, again)
		})
	}
}

// Some clients put the trailers' signature directly after them, and end lines in CR LF.
func TestReaderTrailerForms(t *testing.T) {
	f := frame(sigv4.StreamingSignedTrailer, "abc")
	for _, form := range []string{"\n\r\n", "\r\n\r\n", "\r\n", "\n"} {
		body := strings.Replace(f.body, "AAAAAA==\n\r\n", "AAAAAA=="+form, 1)
		data, wire, err := f.read(strings.NewReader(body))
		require.NoError(t, err, "%q", form)
		assert.Equal(t, "abc", data)
		assert.Contains(t, wire, "AAAAAA=="+form+"x-amz-trailer-signature:")
	}
}

// Memory stays flat: what isn't proven chunk by chunk comes in pieces, and no size is believed before it has come.
func TestReaderMemory(t *testing.T) {
	const size = 64 << 20
	c := streamClaim(sigv4.StreamingUnsignedTrailer, size)
	body := io.MultiReader(strings.NewReader(fmt.Sprintf("%x\r\n", size)), io.LimitReader(zeros{}, size),
		strings.NewReader("\r\n0\r\nx-amz-checksum-crc32:A\r\n\r\n"))
	r := sigv4.NewReader(body, c, clientSecret, nil)
	got := 0
	allocated := testing.AllocsPerRun(1, func() {
		for {
			p, err := r.Next()
			if err == io.EOF {
				return
			}
			require.NoError(t, err)
			require.LessOrEqual(t, len(p.Wire), 514<<10)
			got += len(p.Data)
		}
	})
	assert.Equal(t, size, got)
	assert.Less(t, allocated, 100.0)
}

func FuzzReader(f *testing.F) {
	for _, b := range bodies() {
		f.Add(uint8(b.claim.Payload), int64(len(b.data())), b.body, 3)
	}
	for _, e := range chunkedExamples() {
		f.Add(uint8(e.payload), int64(10), e.body[len(e.body)-400:], 0)
	}
	f.Fuzz(func(t *testing.T, kind uint8, length int64, body string, cut int) {
		p := sigv4.Payload(kind%5 + 1)
		fr := framed{claim: streamClaim(p, 0), body: body}
		fr.claim.DecodedLength = max(-1, length)
		fr.claim.PayloadHash = sha256.Sum256([]byte("hello"))
		data, wire, err := fr.read(strings.NewReader(body))
		cut = max(0, min(cut, len(body)))
		data2, wire2, err2 := fr.read(io.MultiReader(strings.NewReader(body[:cut]), iotest.OneByteReader(strings.NewReader(body[cut:]))))
		require.Equal(t, err == nil, err2 == nil, "%v, %v", err, err2)
		if err == nil {
			require.Equal(t, data, data2)
			require.Equal(t, wire, wire2)
			require.Len(t, wire, len(body))
			if p == sigv4.StreamingUnsignedTrailer || p == sigv4.Unsigned {
				require.Equal(t, body, wire)
			}
			if p.Chunked() && fr.claim.DecodedLength >= 0 {
				require.Len(t, data, int(fr.claim.DecodedLength))
			}
			if p == sigv4.Hashed {
				require.Equal(t, "hello", data)
			}
		} else if p == sigv4.StreamingSigned || p == sigv4.StreamingSignedTrailer {
			require.True(t, data == "" || strings.HasPrefix("hello signed world", data), "%q", data)
		}
	})
}
