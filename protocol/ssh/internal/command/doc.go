// Package command judges the command line of an SSH exec request.
package command
