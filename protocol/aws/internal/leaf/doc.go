// Package leaf makes the certificates that a gateway shows in proxy mode: one
// for each host, on the spot, signed by the gateway's own authority.
//
// Which hosts there may be is judged elsewhere, before. An authority that
// [NewCA] made cannot vouch for any but AWS's, or those that it was made for:
// it says so itself, and clients hold it to that.
//
// Everything here is safe for concurrent use.
package leaf
