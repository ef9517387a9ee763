package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"
)

// duration is a time.Duration as text: "30s", "5m", "1h30m".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New(`must be a duration such as "30s", "5m" or "1h30m"`)
	}
	*d = duration(v)
	return nil
}

// size is a number of bytes: 4096, "64KiB", "8MiB", "1GiB".
type size int64

func (s *size) UnmarshalText(text []byte) error {
	number, factor := string(text), int64(1)
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, factor = strings.TrimSpace(n), int64(1)<<(10*(i+1))
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1<<40/factor {
		return errors.New(`must be a size such as 4096, "64KiB" or "8MiB"`)
	}
	*s = size(n * factor)
	return nil
}

// level is a slog.Level as text.
type level slog.Level

func (l *level) UnmarshalText(text []byte) error {
	var v slog.Level
	if err := v.UnmarshalText(text); err != nil {
		return errors.New("must be debug, info, warn or error")
	}
	*l = level(v)
	return nil
}

// maxSecret is the most that is read of a secret's file, in bytes.
const maxSecret = 64 << 10

// secret says where a secret is: "env:NAME" or "file:PATH". It never holds the
// secret itself, so that the YAML file can be shown, kept and reviewed.
type secret struct {
	env, file string
}

func (s *secret) UnmarshalText(text []byte) error {
	where, what, _ := strings.Cut(string(text), ":")
	switch {
	case where == "env" && what != "":
		s.env = what
	case where == "file" && what != "":
		s.file = what
	default:
		return errors.New("must say where the secret is, env:NAME or file:PATH; the secret itself does not belong here")
	}
	return nil
}

func (s secret) given() bool { return s.env != "" || s.file != "" }

// read returns the secret as it is now, without a line break at its end.
func (s secret) read() (string, error) {
	if s.env != "" {
		v := os.Getenv(s.env)
		if v == "" {
			return "", fmt.Errorf("the environment variable %s is not set", s.env)
		}
		return v, nil
	}
	b, err := readBounded(s.file, maxSecret)
	if err != nil {
		return "", fmt.Errorf("%s: %s", s.file, reason(err))
	}
	v := strings.TrimRight(string(b), "\r\n")
	if v == "" {
		return "", fmt.Errorf("%s is empty", s.file)
	}
	return v, nil
}
