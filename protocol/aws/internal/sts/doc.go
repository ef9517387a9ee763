// Package sts reads the requests to AWS's Security Token Service that a gateway
// answers by itself, and writes the answers as AWS does.
//
// It only parses and formats: who asks, and what becomes of it, is decided
// elsewhere. What it does not know it refuses, with an [Error] in the words of
// STS that clients show to people. Nothing that it returns prints a token.
//
// Everything here is safe for concurrent use.
package sts

// Version is the one version of the API that there is.
const Version = "2011-06-15"

// ContentType is what answers and errors are sent with.
const ContentType = "text/xml"

const namespace = "https://sts.amazonaws.com/doc/" + Version + "/"
