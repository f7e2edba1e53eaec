package demo

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// story prints what happens. Engine and provider tell it at the same time.
type story struct {
	mu  sync.Mutex
	out io.Writer
	// several: there is more than one worker, so that each line of the provider
	// says which one it is about.
	several bool
}

// say prints one line; the story goes on also when nobody can read it.
func (s *story) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// message is one line of an engine's machine-readable output.
// https://developer.hashicorp.com/terraform/internals/machine-readable-ui
type message struct {
	Level string `json:"@level"`
	Text  string `json:"@message"`
	Type  string `json:"type"`
	Hook  struct {
		Action string `json:"action"`
	} `json:"hook"`
	Diagnostic struct {
		Severity, Summary, Detail, Address string
	} `json:"diagnostic"`
}

// told are the kinds of messages that make up the story; the rest repeats them
// or is of interest to machines only.
var told = map[string]bool{
	"planned_change": true, "change_summary": true,
	"apply_start": true, "apply_progress": true, "apply_complete": true, "apply_errored": true,
}

// engine reads an engine's output to its end, prints what belongs to the
// story, and returns the errors among it. Before each message it calls
// catchUp, so that what the provider told before stands before.
func (s *story) engine(from io.Reader, catchUp func()) (failure string) {
	var failures []string
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxLog)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			// Not everything before the first message is JSON.
			continue
		}
		catchUp()
		switch {
		case m.Hook.Action == "read":
			// Who is looked at is told by what was seen.
		case told[m.Type]:
			s.say("   | %s", m.Text)
		case m.Type == "diagnostic":
			d := m.Diagnostic
			text := strings.TrimSpace(d.Summary + "\n" + d.Detail)
			if d.Address != "" {
				text = d.Address + ": " + text
			}
			if d.Severity == "error" {
				failures = append(failures, text)
			} else {
				s.say("   | Warning: %s", strings.ReplaceAll(text, "\n", "\n   |   "))
			}
		}
	}
	return strings.Join(failures, "\n\n")
}

// logLine is a line of the provider's log as an engine writes it: time, level,
// name of the plugin, text, then the fields. progressField marks the lines in
// which the provider tells how far a worker is.
var (
	logLine       = regexp.MustCompile(`^\S+ \[INFO\]\s+provider\.terraform-provider-cml\S*: (.+?): (@?\w+=.*)$`)
	progressField = regexp.MustCompile(`(?:^| )worker(?:_id)?=(\S+)`)
)

// provider prints what the provider writes to its log about its progress.
func (s *story) provider(line string) {
	m := logLine.FindStringSubmatch(line)
	if m == nil {
		return
	}
	field := progressField.FindStringSubmatch(m[2])
	switch {
	case field == nil:
	case s.several:
		s.say("   |   %s: %s", field[1], m[1])
	default:
		s.say("   |   %s", m[1])
	}
}

// seconds is a duration as the story shows it.
func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
