package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNeedRestart(t *testing.T) {
	before, err := load("gateway.yaml", false)
	require.NoError(t, err)
	after, err := load("gateway.yaml", false)
	require.NoError(t, err)
	assert.Empty(t, needRestart(&before.config, &after.config))

	before.Certificate = &certificateConfig{Cert: "a"}
	after.Certificate = &certificateConfig{Cert: "b"}
	after.Rules, after.Masks.Detectors = nil, nil
	assert.Empty(t, needRestart(&before.config, &after.config), "what a reload swaps")

	after.Certificate = nil
	after.Targets[0].Address = "elsewhere:1"
	after.Limits.Idle = 1
	after.Identity.OutliveExpiry = true
	after.SSH.Forward = true
	assert.ElementsMatch(t, []string{"certificate", "targets", "limits", "identity", "ssh"}, needRestart(&before.config, &after.config))
}
