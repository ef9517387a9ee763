package strict

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

var (
	signedLine   = regexp.MustCompile(`^([0-9A-Fa-f]{1,8});chunk-signature=([0-9a-f]{64})\r\n`)
	unsignedLine = regexp.MustCompile(`^([0-9A-Fa-f]{1,12})\r\n`)
	trailerLine  = regexp.MustCompile(`^(x-amz-[a-z0-9-]+):([^\r\n]*)\r?\n`)
	trailerEnd   = regexp.MustCompile(`^(?:\r\n)?x-amz-trailer-signature:([0-9a-f]{64})\r\n\r\n$`)
)

const emptySum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// chunks takes aws-chunked encoding apart, all of it in memory, and verifies every signature and checksum.
func (h head) chunks(r *http.Request, wire []byte) ([]byte, error) {
	var signed, trailers bool
	switch h.media {
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD":
		signed = true
	case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER":
		signed, trailers = true, true
	case "STREAMING-UNSIGNED-PAYLOAD-TRAILER":
		trailers = true
	default:
		return nil, fmt.Errorf("strict: X-Amz-Content-Sha256 is %q", h.media)
	}
	line := unsignedLine
	if signed {
		line = signedLine
	}
	last := h.seed
	data := []byte{}
	for {
		m := line.FindSubmatch(wire)
		if m == nil {
			return nil, fmt.Errorf("strict: after %d bytes no chunk begins: %.80q", len(data), wire)
		}
		size, _ := strconv.ParseInt(string(m[1]), 16, 64)
		wire = wire[len(m[0]):]
		if int64(len(wire)) < size {
			return nil, fmt.Errorf("strict: a chunk of %d bytes is cut short", size)
		}
		chunk := wire[:size]
		if signed {
			want := hex.EncodeToString(sum256(h.key, strings.Join([]string{"AWS4-HMAC-SHA256-PAYLOAD", h.stamp, h.scope,
				last, emptySum, fmt.Sprintf("%x", sha256.Sum256(chunk))}, "\n")))
			if last = string(m[2]); last != want {
				return nil, fmt.Errorf("strict: the signature of the chunk after %d bytes is wrong", len(data))
			}
		}
		wire = wire[size:]
		if size == 0 {
			break
		}
		data = append(data, chunk...)
		if !bytes.HasPrefix(wire, []byte("\r\n")) {
			return nil, fmt.Errorf("strict: a chunk of %d bytes doesn't end in CR LF", size)
		}
		wire = wire[2:]
	}
	if said := r.Header.Get("X-Amz-Decoded-Content-Length"); said != strconv.Itoa(len(data)) && (signed || said != "") {
		return nil, fmt.Errorf("strict: %d bytes came, X-Amz-Decoded-Content-Length is %q", len(data), said)
	}
	if !trailers {
		if string(wire) != "\r\n" {
			return nil, fmt.Errorf("strict: after the last chunk stands %.80q", wire)
		}
		return data, nil
	}
	return data, h.trailers(r, wire, data, last, signed)
}

func (h head) trailers(r *http.Request, wire, data []byte, last string, signed bool) error {
	found, text := map[string]string{}, ""
	for {
		m := trailerLine.FindSubmatch(wire)
		if m == nil || string(m[1]) == "x-amz-trailer-signature" {
			break
		}
		found[string(m[1])] = string(m[2])
		text += string(m[1]) + ":" + string(m[2]) + "\n" // tests have one trailer, so none is sorted
		wire = wire[len(m[0]):]
	}
	if signed {
		m := trailerEnd.FindSubmatch(wire)
		if m == nil {
			return fmt.Errorf("strict: the trailers end in %.120q", wire)
		}
		want := hex.EncodeToString(sum256(h.key, strings.Join([]string{"AWS4-HMAC-SHA256-TRAILER", h.stamp, h.scope, last,
			fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}, "\n")))
		if string(m[1]) != want {
			return fmt.Errorf("strict: the signature of the trailers is wrong")
		}
	} else if string(wire) != "\r\n" {
		return fmt.Errorf("strict: after the trailers stands %.80q", wire)
	}
	announced := strings.FieldsFunc(strings.Join(r.Header["X-Amz-Trailer"], ","), func(c rune) bool { return c == ',' || c == ' ' })
	if len(announced) != len(found) {
		return fmt.Errorf("strict: %d trailers came, %d were announced", len(found), len(announced))
	}
	for _, name := range announced {
		value, ok := found[strings.ToLower(name)]
		if !ok {
			return fmt.Errorf("strict: the trailer %s is missing", name)
		}
		if want, known := checksum(strings.ToLower(name), data); known && want != value {
			return fmt.Errorf("strict: %s is %s, the body's is %s", name, value, want)
		}
	}
	return nil
}

func checksum(name string, data []byte) (string, bool) {
	var sum []byte
	switch name {
	case "x-amz-checksum-crc32":
		sum = binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
	case "x-amz-checksum-crc32c":
		sum = binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	case "x-amz-checksum-crc64nvme":
		sum = binary.BigEndian.AppendUint64(nil, crc64.Checksum(data, crc64.MakeTable(0x9a6c9329ac4bc9b5)))
	case "x-amz-checksum-sha1":
		s := sha1.Sum(data)
		sum = s[:]
	case "x-amz-checksum-sha256":
		s := sha256.Sum256(data)
		sum = s[:]
	default:
		return "", false
	}
	return base64.StdEncoding.EncodeToString(sum), true
}
