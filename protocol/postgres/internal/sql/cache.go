package sql

import "sync"

// cache keeps judged queries by text, the least recently used going first. It
// is bounded in entries and in bytes.
type cache struct {
	mu         sync.Mutex
	entries    map[string]*entry
	root       entry // ring: root.next is the newest
	bytes      int
	maxEntries int
	maxBytes   int
}

type entry struct {
	key        string
	query      *Query
	bytes      int
	prev, next *entry
}

func newCache(maxEntries, maxBytes int) *cache {
	c := &cache{entries: make(map[string]*entry), maxEntries: maxEntries, maxBytes: maxBytes}
	c.root.prev, c.root.next = &c.root, &c.root
	return c
}

func (c *cache) get(key string) *Query {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.use(c.entries[key])
}

// getBytes is get for a key that is not a string yet; it does not allocate.
func (c *cache) getBytes(key []byte) *Query {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.use(c.entries[string(key)])
}

func (c *cache) use(e *entry) *Query {
	if e == nil {
		return nil
	}
	if c.root.next != e {
		e.prev.next, e.next.prev = e.next, e.prev
		c.push(e)
	}
	return e.query
}

func (c *cache) push(e *entry) {
	e.prev, e.next = &c.root, c.root.next
	e.prev.next, e.next.prev = e, e
}

// put keeps a query unless it alone would fill a quarter of the cache. The key
// must not be a part of a larger string that it would keep alive.
func (c *cache) put(key string, q *Query) {
	size := len(key) + q.size()
	if size > c.maxBytes/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.entries[key] != nil {
		return
	}
	e := &entry{key: key, query: q, bytes: size}
	c.entries[key] = e
	c.push(e)
	c.bytes += size
	for len(c.entries) > c.maxEntries || c.bytes > c.maxBytes {
		last := c.root.prev
		last.prev.next, last.next.prev = last.next, last.prev
		delete(c.entries, last.key)
		c.bytes -= last.bytes
	}
}

// size estimates what a query holds in memory.
func (q *Query) size() int {
	n := 256 + len(q.Remark)
	for _, s := range q.Statements {
		n += s.size()
	}
	return n
}

func (s *Statement) size() int {
	n := 512 + len(s.Verb) + len(s.Name) + len(s.Remark)
	for _, o := range s.Objects {
		n += 64 + len(o.Name)
	}
	for _, x := range s.Settings {
		n += 64 + len(x.Name) + len(x.Value)
	}
	f := &s.facts
	for _, r := range f.relations {
		n += 48 + len(r.schema) + len(r.name)
	}
	for _, m := range f.mentions {
		n += 32 + len(m.name)
	}
	for _, a := range f.aliases {
		n += 24 + len(a)
	}
	n += 40 * len(f.calls)
	if s.Inner != nil {
		n += s.Inner.size()
	}
	return n
}
