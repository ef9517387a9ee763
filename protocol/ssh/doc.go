// Package ssh is the plugin for SSH.
package ssh
