package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/sallyport/sallyport/approve"
)

type approversConfig struct {
	Terminal bool            `yaml:"terminal"`
	Webhooks []webhookConfig `yaml:"webhooks"`
	Answers  string          `yaml:"answers"`
}

type webhookConfig struct {
	Name      string   `yaml:"name"`
	URL       string   `yaml:"url"`
	Secret    secret   `yaml:"secret"`
	AnswerURL string   `yaml:"answer_url"`
	Tolerance duration `yaml:"tolerance"`
}

// names are what rules may call the approvers.
func (a approversConfig) names() []string {
	var list []string
	if a.Terminal {
		list = append(list, "terminal")
	}
	for _, w := range a.Webhooks {
		list = append(list, w.Name)
	}
	return list
}

func (c *checker) checkApprovers() {
	a := c.Approvers
	if len(a.Webhooks) > 0 {
		c.address("approvers.answers", a.Answers)
	} else if a.Answers != "" {
		c.wrong("approvers.answers", "is for webhooks, and there are none")
	}
	seen := map[string]bool{"terminal": true}
	for i, w := range a.Webhooks {
		at := fmt.Sprintf("approvers.webhooks[%d]", i)
		switch {
		case !c.need(at+".name", w.Name != "", "rules and the record call the approver by it"):
		case seen[w.Name]:
			c.wrong(at+".name", "another approver is called %q", w.Name)
		case strings.ContainsAny(w.Name, "/?#% {}"):
			c.wrong(at+".name", "is a part of a URL, and must hold no character that is special there")
		}
		seen[w.Name] = true
		if !c.need(at+".url", w.URL != "", "where questions are posted") || !c.need(at+".secret", w.Secret.given(), "signs questions and answers") {
			continue
		}
		// A secret of the right form, where the real one is not looked at.
		value := "whsec_" + strings.Repeat("A", 32)
		if c.secrets {
			var err error
			if value, err = w.Secret.read(); err != nil {
				c.wrong(at+".secret", "%s", err)
				continue
			}
		}
		if _, err := w.approver(value); err != nil {
			c.blameWebhook(at, err)
		}
	}
}

// blameWebhook gives what the library says to the fields: each line begins
// with the webhook's name and goes on with the field's in Go.
func (c *checker) blameWebhook(at string, err error) {
	fields := map[string]string{"URL": ".url", "AnswerURL": ".answer_url", "Secret": ".secret", "Tolerance": ".tolerance"}
	for _, text := range strings.Split(err.Error(), "\n") {
		_, text, _ = strings.Cut(text, ": ")
		first, rest, _ := strings.Cut(text, " ")
		c.wrong(at+fields[first], "%s", rest)
	}
}

func (w webhookConfig) approver(secret string) (*approve.WebhookApprover, error) {
	return approve.Webhook(approve.WebhookConfig{
		Name: w.Name, URL: w.URL, Secret: secret, AnswerURL: w.AnswerURL, Tolerance: time.Duration(w.Tolerance),
	})
}

// people are those whom the gateway can ask.
type people struct {
	approvers []approve.Approver
	answers   http.Handler // takes the webhooks' answers; nil for none
}

func (s *settings) people(logger *slog.Logger) (*people, error) {
	p := &people{}
	if s.Approvers.Terminal {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			logger.Warn("approvers.terminal: standard input is no terminal, so nobody may be there to answer")
		}
		p.approvers = append(p.approvers, approve.Terminal(os.Stdin, os.Stdout))
	}
	mux := http.NewServeMux()
	for i, w := range s.Approvers.Webhooks {
		value, err := w.Secret.read()
		if err != nil {
			return nil, fmt.Errorf("approvers.webhooks[%d].secret: %w", i, err)
		}
		approver, err := w.approver(value)
		if err != nil {
			return nil, err
		}
		p.approvers = append(p.approvers, approver)
		mux.Handle("/answers/"+w.Name, approver)
		p.answers = mux
	}
	return p, nil
}
