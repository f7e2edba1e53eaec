package bench_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/bench"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

// TestRun takes the figures in small. How large they are is for people to
// judge; that each is taken, and what was asked meanwhile, is not.
func TestRun(t *testing.T) {
	e, err := engine.Find(t.Context(), engine.Options{})
	if errors.Is(err, engine.ErrNone) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	figures, err := bench.Run(t.Context(), bench.Options{Engine: e, Out: &out, Refreshed: 3, Unchanged: 2})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if len(figures) != 4 {
		t.Fatalf("%d figures, want 4", len(figures))
	}
	for _, f := range figures {
		if f.Measured <= 0 || f.Baseline <= 0 || !strings.Contains(out.String(), f.What) {
			t.Errorf("%+v was not taken or not printed:\n%s", f, &out)
		}
	}
	if note := figures[1].Note; !strings.Contains(note, "DescribeInstances") || strings.Contains(note, " 0 DescribeInstances") {
		t.Errorf("the refresh notes %q", note)
	}
}
