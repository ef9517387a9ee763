package wire

import (
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// maxMessage bounds a denial's message; clients print it whole.
const maxMessage = 4 << 10

// Denial words a refusal as an error of the protocol, so that clients show
// the message once and, with status 403, do not send again. Service is the
// model's name of it: s3 and dynamodb have ways of their own. Code is an exception's
// name, as AccessDeniedException. In the message everything that is not
// visible is escaped, and it is cut at 4 KiB.
//
// The headers do not hold the length. An answer to HEAD has the headers alone.
func Denial(w model.Wire, service, code, message, requestID string) (http.Header, []byte) {
	code, requestID = token(code), token(requestID)
	message = spoken(message)
	h := http.Header{}
	var body []byte
	switch w {
	case model.JSON10, model.JSON11:
		h.Set("Content-Type", "application/x-amz-json-1.1")
		if w == model.JSON10 {
			h.Set("Content-Type", "application/x-amz-json-1.0")
		}
		h.Set("X-Amzn-Requestid", requestID)
		body = jsonError(code, message)
		if service == "dynamodb" {
			h.Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
		}
	case model.RESTJSON:
		h.Set("Content-Type", "application/json")
		h.Set("X-Amzn-Errortype", code)
		h.Set("X-Amzn-Requestid", requestID)
		body = jsonError("", message)
	case model.CBOR:
		h.Set("Content-Type", "application/cbor")
		h.Set("Smithy-Protocol", "rpc-v2-cbor")
		h.Set("X-Amzn-Requestid", requestID)
		body = cborError(code, message)
	case model.EC2:
		h.Set("Content-Type", "text/xml;charset=UTF-8")
		h.Set("X-Amzn-Requestid", requestID)
		body = ec2Error(code, message, requestID)
	case model.RESTXML:
		h.Set("Content-Type", "application/xml")
		if service == "s3" {
			h.Set("X-Amz-Request-Id", requestID)
			h.Set("X-Amz-Id-2", requestID)
			body = s3Error(code, message, requestID)
			break
		}
		h.Set("X-Amzn-Requestid", requestID)
		body = queryError(code, message, requestID)
	default:
		h.Set("Content-Type", "text/xml")
		h.Set("X-Amzn-Requestid", requestID)
		body = queryError(code, message, requestID)
	}
	return h, body
}

// token is a code or an identifier without anything that could leave its place.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && !strings.ContainsRune(`"'<>&\\`, r) {
			return r
		}
		return -1
	}, s[:min(len(s), 256)])
}

// spoken is a message as one visible line.
func spoken(message string) string {
	message, cut := strings.Clone(message), false
	if len(message) > maxMessage {
		message, cut = strings.ToValidUTF8(message[:maxMessage], ""), true
	}
	message = strings.NewReplacer("\r\n", " ", "\n", " ", "\t", " ").Replace(message)
	message = protocol.Visible(message)
	if len(message) > maxMessage {
		b, _ := clip([]byte(message), maxMessage)
		message, cut = string(b), true
	}
	if cut {
		message += "..."
	}
	return message
}

// jsonError words an error in JSON, and its type where no header tells it.
func jsonError(code, message string) []byte {
	body := []byte("{")
	if code != "" {
		body = append(body, `"__type":`...)
		body = append(appendJSON(body, code), ',')
	}
	body = append(body, `"message":`...)
	return append(appendJSON(body, message), '}')
}

func cborError(code, message string) []byte {
	body := []byte{cborMap<<5 | 2}
	for _, s := range [...]string{"__type", code, "message", message} {
		body = append(appendCBORHead(body, cborText, uint64(len(s))), s...)
	}
	return body
}

const xmlHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"

func queryError(code, message, requestID string) []byte {
	return []byte(xmlHead + "<ErrorResponse><Error>" + field("Type", "Sender") + field("Code", code) + field("Message", message) +
		"</Error>" + field("RequestId", requestID) + "</ErrorResponse>")
}

func ec2Error(code, message, requestID string) []byte {
	return []byte(xmlHead + "<Response><Errors><Error>" + field("Code", code) + field("Message", message) +
		"</Error></Errors>" + field("RequestID", requestID) + "</Response>")
}

func s3Error(code, message, requestID string) []byte {
	return []byte(xmlHead + "<Error>" + field("Code", code) + field("Message", message) +
		field("RequestId", requestID) + field("HostId", requestID) + "</Error>")
}

// field is an element with text.
func field(name, value string) string {
	return "<" + name + ">" + string(appendXML(nil, value)) + "</" + name + ">"
}
