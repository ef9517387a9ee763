//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// report is all that a run found out.
type report struct {
	Started  time.Time   `json:"started"`
	Command  []string    `json:"command"`
	Machine  machineInfo `json:"machine"`
	Disk     disk        `json:"disk"`
	Sections []*section  `json:"sections"`
}

type machineInfo struct {
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Kernel     string `json:"kernel"`
	Go         string `json:"go"`
	PostgreSQL string `json:"postgresql,omitempty"`
	OpenSSH    string `json:"openssh,omitempty"`
	Cipher     string `json:"cipher,omitempty"` // of every SSH connection
}

// section is one load through all legs.
type section struct {
	Title     string              `json:"title"`
	Reference string              `json:"reference"` // the leg that ratios refer to
	Legs      []string            `json:"legs"`
	Figures   []string            `json:"figures"`
	Values    map[string]values   `json:"values"` // by leg, in order of rounds
	Remarks   map[string][]string `json:"remarks,omitempty"`
}

type values map[string][]float64 // by figure

func (s *section) add(leg, figure string, v float64) {
	s.leg(leg)
	if !slices.Contains(s.Figures, figure) {
		s.Figures = append(s.Figures, figure)
	}
	s.Values[leg][figure] = append(s.Values[leg][figure], v)
}

func (s *section) leg(name string) {
	if s.Values == nil {
		s.Values = map[string]values{}
	}
	if s.Values[name] == nil {
		s.Values[name] = values{}
		s.Legs = append(s.Legs, name)
	}
}

// remark keeps what a leg said instead of giving figures.
func (s *section) remark(leg, text string) {
	s.leg(leg)
	if s.Remarks == nil {
		s.Remarks = map[string][]string{}
	}
	if !slices.Contains(s.Remarks[leg], text) {
		s.Remarks[leg] = append(s.Remarks[leg], text)
	}
}

func (s *section) last(leg, figure string) string {
	v := s.Values[leg][figure]
	if len(v) == 0 {
		return "-"
	}
	return digits(v[len(v)-1])
}

// beyond adds how much more than another leg each has of a figure.
func (s *section) beyond(other, figure string) {
	for _, leg := range s.Legs {
		if leg == other {
			continue
		}
		for i := range min(len(s.Values[leg][figure]), len(s.Values[other][figure])) {
			s.add(leg, "beyond "+other, s.Values[leg][figure][i]-s.Values[other][figure][i])
		}
	}
}

// compared are the figures that are also shown as a ratio to the reference.
var compared = []string{
	"tx/s", "p50 µs", "p99 µs", "CPU µs/tx", "MB/s", "CPU ms",
	"all CPU s/GiB", "CPU s/GiB", "exec/s", "p50 ms", "p99 ms", "CPU ms/exec", "call/s", "CPU ms/call",
}

func (r *report) header(w io.Writer) {
	fmt.Fprintf(w, "%s, %d cores, %s, %s\n", r.Machine.CPU, r.Machine.Cores, r.Machine.Kernel, r.Machine.Go)
	fmt.Fprintf(w, "disk: %s on %s, write and fdatasync of 4 KiB: p50 %.0f µs, p99 %.0f µs, %.0f µs CPU\n", r.Disk.Dir, r.Disk.FileSystem, r.Disk.P50, r.Disk.P99, r.Disk.CPU)
	fmt.Fprintf(w, "client, proxy and server share the machine; figures are medians over rounds (min–max)\n")
}

func (r *report) print(w io.Writer) {
	for _, s := range r.Sections {
		fmt.Fprintf(w, "\n%s\n", s.Title)
		writeTable(w, s.absolute())
		if rows := s.relative(); len(rows) > 1 {
			fmt.Fprintln(w)
			writeTable(w, rows)
		}
		for _, leg := range s.Legs {
			for _, text := range s.Remarks[leg] {
				fmt.Fprintf(w, "  %s: %s\n", leg, text)
			}
		}
	}
}

// absolute returns the table of what was measured, its first row the head.
func (s *section) absolute() [][]string {
	rows := [][]string{append([]string{""}, s.Figures...)}
	for _, leg := range s.Legs {
		row := []string{leg}
		for _, f := range s.Figures {
			cell := "-"
			if v := s.Values[leg][f]; len(v) > 0 {
				cell = over(v).show()
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// relative returns the table of ratios to the reference.
func (s *section) relative() [][]string {
	var figures []string
	for _, f := range s.Figures {
		if slices.Contains(compared, f) && len(s.Values[s.Reference][f]) > 0 {
			figures = append(figures, f)
		}
	}
	rows := [][]string{{"as a multiple of " + s.Reference}}
	for _, f := range figures {
		name, _, _ := strings.Cut(f, " µs")
		name, _, _ = strings.Cut(name, " ms")
		name, _, _ = strings.Cut(name, " s/")
		rows[0] = append(rows[0], name)
	}
	for _, leg := range s.Legs {
		if leg == s.Reference || len(figures) == 0 || len(s.Values[leg]) == 0 {
			continue
		}
		row := []string{leg}
		for _, f := range figures {
			cell := "-"
			if v := ratios(s.Values[leg][f], s.Values[s.Reference][f]); len(v) > 0 {
				cell = over(v).show()
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	return rows
}

// writeTable aligns the first column to the left and the others to the right.
func writeTable(w io.Writer, rows [][]string) {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				fmt.Fprint(w, "  "+cell+pad)
			} else {
				fmt.Fprint(w, "  "+pad+cell)
			}
		}
		fmt.Fprintln(w)
	}
}

func (r *report) writeJSON(name string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(b, '\n'), 0o644)
}

func machine() machineInfo {
	m := machineInfo{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: runtime.GOARCH}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.CPU = strings.TrimSpace(value)
				break
			}
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(b))
	}
	return m
}
