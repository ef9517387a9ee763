package main

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/proxy"
)

// reloader puts what the configuration says now in force, in a gateway that
// runs. It is for one goroutine at a time.
type reloader struct {
	started *settings // what the gateway was started with
	gw      *proxy.Gateway
	members *members
	logger  *slog.Logger
}

// reload reads the file again and swaps rules, masks, tokens, SSH keys and
// authorities, revoked AWS credentials, and the certificate.
// After an error everything is as it was.
func (r *reloader) reload(ctx context.Context) error {
	next, err := load(r.started.file, true)
	if err != nil {
		return fmt.Errorf("nothing was changed:\n%w", err)
	}
	// Tokens and revocations last: they were checked, so that they cannot fail once the
	// gateway has taken the rest.
	err = r.gw.Update(ctx, proxy.Change{
		Policy: next.rules, Masks: append([]mask.Rule{}, next.masks...), Certificate: next.certificate,
		Identity: r.members.with(next.ssh),
	})
	if err != nil {
		return err
	}
	if r.members.static != nil {
		if err := r.members.static.Replace(next.tokens...); err != nil {
			return err
		}
	}
	if r.members.aws != nil {
		if err := r.members.aws.Revoke(next.revoked...); err != nil {
			return err
		}
	}
	r.logger.Info("configuration reloaded", "file", next.file, "rules", len(next.rules), "masks", len(next.masks), "tokens", len(next.tokens), "ssh_keys", len(next.ssh.keys), "aws_revoked", len(next.revoked))
	if changed := needRestart(&r.started.config, &next.config); len(changed) > 0 {
		r.logger.Warn("these changes take a restart", "sections", strings.Join(changed, ", "))
	}
	return nil
}

// needRestart returns the sections that differ and that a reload leaves alone.
func needRestart(before, after *config) []string {
	swapped := []string{"rules", "masks", "certificate"}
	var changed []string
	if before.Certificate != nil && after.Certificate == nil {
		changed = append(changed, "certificate") // another one is swapped, none is not
	}
	a, b := reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem()
	for f, v := range a.Fields() {
		name := f.Tag.Get("yaml")
		if !slices.Contains(swapped, name) && !reflect.DeepEqual(v.Interface(), b.FieldByIndex(f.Index).Interface()) {
			changed = append(changed, name)
		}
	}
	return changed
}
