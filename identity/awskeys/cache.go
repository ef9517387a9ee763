package awskeys

import (
	"sync"

	"github.com/sallyport/sallyport/internal/secret"
)

// opened is what a session token was found to hold.
type opened struct {
	content *content
	secret  secret.Secret
}

// cache keeps the tokens opened last, since a client sends its own with every
// request. Only tokens that opened are kept. It is safe for concurrent use.
type cache struct {
	mu     sync.Mutex
	tokens map[issued]opened
}

// issued is what goes together. Both are the client's words: joined to one
// text, one pair could be told from another by nothing.
type issued struct{ accessKeyID, token string }

// maxOpened bounds the cache, which starts anew when it is full. With tokens
// of the largest size it takes 4 MB.
const maxOpened = 512

func (c *cache) get(accessKeyID, token string) (opened, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o, ok := c.tokens[issued{accessKeyID, token}]
	return o, ok
}

func (c *cache) put(accessKeyID, token string, o opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tokens == nil || len(c.tokens) >= maxOpened {
		c.tokens = map[issued]opened{}
	}
	c.tokens[issued{accessKeyID, token}] = o
}
