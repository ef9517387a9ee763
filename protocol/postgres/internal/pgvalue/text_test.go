package pgvalue_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
)

func Example() {
	text, ok := pgvalue.Text(nil, 1082, 1, []byte{0, 0, 0x22, 0x88})
	fmt.Printf("%s %t %s\n", text, ok, pgvalue.Name(1082))
	// Output: 2024-03-15 true date
}

func TestTextRefuses(t *testing.T) {
	u32 := binary.BigEndian.AppendUint32
	array := func(words ...uint32) (b []byte) {
		for _, w := range words {
			b = u32(b, w)
		}
		return b
	}
	for name, c := range map[string]struct {
		oid   uint32
		value []byte
	}{
		"unknown type":          {99_999, []byte("x")},
		"short int4":            {23, []byte{1, 2, 3}},
		"long int4":             {23, []byte{1, 2, 3, 4, 5}},
		"empty bool":            {16, nil},
		"jsonb version":         {3802, []byte("\x02{}")},
		"empty jsonb":           {3802, nil},
		"numeric cut":           {1700, []byte{0, 1, 0, 0, 0, 0, 0, 0}},
		"numeric sign":          {1700, []byte{0, 0, 0, 0, 0x12, 0, 0, 0}},
		"numeric digit":         {1700, []byte{0, 1, 0, 0, 0, 0, 0, 0, 0xff, 0xff}},
		"numeric scale":         {1700, []byte{0, 0, 0, 0, 0, 0, 0xff, 0xff}},
		"time before the day":   {1083, bytes.Repeat([]byte{0xff}, 8)},
		"time behind the day":   {1083, []byte{0x7f, 0, 0, 0, 0, 0, 0, 0}},
		"zone":                  {1266, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}},
		"inet family":           {869, []byte{9, 32, 0, 4, 1, 2, 3, 4}},
		"inet length":           {869, []byte{2, 32, 0, 9, 1, 2, 3, 4}},
		"inet mask":             {869, []byte{2, 33, 0, 4, 1, 2, 3, 4}},
		"inet of other size":    {869, []byte{3, 32, 0, 4, 1, 2, 3, 4}},
		"bits cut":              {1562, []byte{0, 0, 0, 9, 0xff}},
		"bits negative":         {1562, []byte{0xff, 0xff, 0xff, 0xff}},
		"bits of 2 GiB":         {1562, []byte{0x7f, 0xff, 0xff, 0xff, 1}},
		"array cut":             {1007, array(1, 0, 23)},
		"array of another type": {1007, array(0, 0, 25)},
		"array of 7 dimensions": {1007, array(7, 0, 23)},
		"array of 2^32 items":   {1007, array(2, 0, 23, 65536, 1, 65536, 1)},
		"array size negative":   {1007, array(1, 0, 23, 0xffffffff, 1)},
		"array size zero":       {1007, array(2, 0, 23, 0, 1, 1, 1)},
		"array element cut":     {1007, array(1, 0, 23, 1, 1, 4)},
		"array element length":  {1007, array(1, 0, 23, 1, 1, 0xfffffffe)},
		"array left over":       {1007, array(0, 0, 23, 9)},
		"array of arrays":       {1006, array(1, 0, 1007, 1, 1, 0)},
		"vector of NULL":        {22, array(1, 0, 21, 1, 0, 0xffffffff)},
		"vector of two":         {22, array(2, 0, 21, 1, 0, 1, 0, 2, 0)},
		"record":                {2249, array(0)},
	} {
		text, ok := pgvalue.Text([]byte("kept"), c.oid, 1, c.value)
		assert.False(t, ok, name)
		assert.Equal(t, "kept", string(text), name)
	}
	_, ok := pgvalue.Text(nil, 25, 2, []byte("x"))
	assert.False(t, ok, "unknown format")
}

// A numeric of ten bytes can stand for 130,000 digits, an array for many of them.
func TestTextIsBounded(t *testing.T) {
	one := []byte{0, 1, 0x7f, 0xff, 0, 0, 0x3f, 0xff, 0, 1}
	text, ok := pgvalue.Text(nil, 1700, 1, one)
	require.True(t, ok)
	assert.Len(t, text, 4*32767+1+1+0x3fff)

	const n = 1000
	array := binary.BigEndian.AppendUint32(nil, 1)
	for _, word := range []uint32{0, 1700, n, 1} {
		array = binary.BigEndian.AppendUint32(array, word)
	}
	for range n {
		array = append(binary.BigEndian.AppendUint32(array, uint32(len(one))), one...)
	}
	_, ok = pgvalue.Text(nil, 1231, 1, array)
	assert.False(t, ok)
}

func TestKinds(t *testing.T) {
	assert.True(t, pgvalue.IsText(25))
	assert.True(t, pgvalue.IsText(1043))
	for _, oid := range []uint32{0, 23, 114, 3802, 17, 1009, 18, 99_999} {
		assert.False(t, pgvalue.IsText(oid), fmt.Sprint(oid))
	}
	for _, oid := range []uint32{114, 3802, 142, 1009, 2249, 3904, 99_999} {
		assert.True(t, pgvalue.Structured(oid), fmt.Sprint(oid))
	}
	for _, oid := range []uint32{23, 25, 1700, 1184} {
		assert.False(t, pgvalue.Structured(oid), fmt.Sprint(oid))
	}
	assert.Empty(t, pgvalue.Name(0))
	assert.Equal(t, "int4[]", pgvalue.Name(1007))
}

func TestTextAllocatesNothing(t *testing.T) {
	dst := make([]byte, 0, 256)
	for oid, v := range map[uint32][]byte{
		23: {0, 0, 0, 1}, 25: []byte("text"), 1114: {0, 2, 0, 0, 0, 0, 0, 0}, 2950: make([]byte, 16),
		701: {0x3f, 0xf8, 0, 0, 0, 0, 0, 0}, 1700: {0, 1, 0, 0, 0, 0, 0, 0, 0, 1},
	} {
		assert.Zero(t, testing.AllocsPerRun(100, func() {
			if _, ok := pgvalue.Text(dst, oid, 1, v); !ok {
				panic("not a value")
			}
		}), pgvalue.Name(oid))
	}
}

func FuzzText(f *testing.F) {
	f.Add(uint32(1700), []byte{0, 1, 0x7f, 0xff, 0, 0, 0x3f, 0xff, 0, 1})
	f.Add(uint32(1007), []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9})
	f.Add(uint32(1009), []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, '"'})
	f.Add(uint32(869), []byte{2, 32, 0, 4, 1, 2, 3, 4})
	f.Add(uint32(1186), bytes.Repeat([]byte{0x80}, 16))
	f.Add(uint32(1184), bytes.Repeat([]byte{0x80}, 8))
	f.Add(uint32(1562), []byte{0, 0, 0, 9, 1, 2})
	f.Fuzz(func(t *testing.T, oid uint32, v []byte) {
		before := []byte("kept")
		text, ok := pgvalue.Text(before, oid%6200, 1, v)
		require.True(t, bytes.HasPrefix(text, before))
		if !ok {
			require.Equal(t, before, text)
		}
		require.LessOrEqual(t, len(text), len(before)+1<<20+16*len(v)+64)
	})
}
