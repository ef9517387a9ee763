// Package sftp is the SFTP part of the SSH plugin.
package sftp
