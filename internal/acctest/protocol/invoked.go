package protocol

import (
	"slices"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

// Waits checks that a configuration of which something is not known yet is
// validated and planned without a word, and without a request to the world.
func (a *Action) Waits(t *testing.T, w *acctest.World, arguments map[string]any) {
	t.Helper()
	w.Recorder.Reset()
	if diags := a.Validate(arguments); len(diags) > 0 {
		t.Errorf("validate says\n%s", Show(diags))
	}
	if plan := a.Plan(arguments); len(plan.Diagnostics) > 0 || plan.Deferred != nil {
		t.Errorf("the plan says\n%s", Show(plan.Diagnostics))
	}
	if all := w.Recorder.All(); len(all) > 0 {
		t.Errorf("%d requests", len(all))
	}
}

// Fine ends the test if the invocation had an error or a warning.
func (i Invoked) Fine(t *testing.T) {
	t.Helper()
	if len(i.Diagnostics) > 0 {
		t.Fatalf("got\n%s", Show(i.Diagnostics))
	}
}

// Told checks that each text is in a message of its own, in this order.
func (i Invoked) Told(t *testing.T, want ...string) {
	t.Helper()
	at := 0
	for _, text := range want {
		found := slices.IndexFunc(i.Progress[at:], func(message string) bool { return strings.Contains(message, text) })
		if found < 0 {
			t.Errorf("no message, or none after the last one, holds %q:\n%s", text, strings.Join(i.Progress, "\n"))
			return
		}
		at += found + 1
	}
}

// Blames checks that the first error points at that argument, "" for none, and
// holds these words.
func (i Invoked) Blames(t *testing.T, argument string, words ...string) {
	t.Helper()
	for _, d := range i.Diagnostics {
		if d.Severity != Failure {
			continue
		}
		if at := Path(d); at != argument {
			t.Errorf("the error points at %q, want %q", at, argument)
		}
		for _, w := range words {
			if !strings.Contains(d.Summary+"\n"+d.Detail, w) {
				t.Errorf("the error does not speak of %q:\n%s", w, Show(i.Diagnostics))
			}
		}
		return
	}
	t.Errorf("there is no error:\n%s", Show(i.Diagnostics))
}

// Warns checks that there is no error, and as many warnings as texts, each of
// which holds its text.
func (i Invoked) Warns(t *testing.T, texts ...string) {
	t.Helper()
	if Has(i.Diagnostics, Failure, "") || len(i.Diagnostics) != len(texts) {
		t.Errorf("want %d warnings, got\n%s", len(texts), Show(i.Diagnostics))
	}
	for _, text := range texts {
		if !Has(i.Diagnostics, Warning, text) {
			t.Errorf("no warning holds %q:\n%s", text, Show(i.Diagnostics))
		}
	}
}

// Hides checks that a secret is in no message and no diagnostic.
func (i Invoked) Hides(t *testing.T, secret string) {
	t.Helper()
	for _, text := range append(slices.Clone(i.Progress), Show(i.Diagnostics)) {
		if strings.Contains(text, secret) {
			t.Errorf("the secret %q is shown: %s", secret, text)
		}
	}
}
