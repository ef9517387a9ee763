package main

import (
	"github.com/sallyport/sallyport/approve"
)

type approversConfig struct {
	Terminal bool `yaml:"terminal"`
}

func (a approversConfig) names() []string {
	var list []string
	if a.Terminal {
		list = append(list, "terminal")
	}
	return list
}

type people struct{ approvers []approve.Approver }

func (s *settings) people() (*people, error) { return &people{}, nil }
