package picture

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
)

// The committed picture is the one that the code draws; make docs-check
// compares it, too, and this says so without tfplugindocs.
func TestDashboard(t *testing.T) {
	got, err := Dashboard()
	if err != nil {
		t.Fatal(err)
	}
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile(filepath.Join(root, "examples", "data-sources", "cml_worker_dashboard", "cml_worker_dashboard.svg"))
	if err != nil || !bytes.Equal(got, committed) {
		t.Errorf("cml_worker_dashboard.svg is not what is drawn (%v): run `make docs`", err)
	}
	d := xml.NewDecoder(bytes.NewReader(got))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %s", err)
		}
	}
	text := string(got)
	for _, want := range []string{"<title id=", "<desc id=", "Labs of the network academy", "idle after 30 min", "CPU", "Running nodes", "EBS operations", "class-01"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture lacks %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "<script") {
		t.Error("the picture has what no picture has")
	}
}

func TestEvaluate(t *testing.T) {
	nan := math.NaN()
	three := func(a, b, c float64) []float64 {
		return append([]float64{a, b, c}, slices.Repeat([]float64{0}, Points-3)...)
	}
	known := map[string][]float64{"m1": three(600, nan, 0), "m2": three(300, 900, nan)}
	for expression, want := range map[string][]float64{
		"m1/PERIOD(m1)":             {2, nan, 0},
		"SUM([m1,m2])/PERIOD(m1)":   {3, 3, 0},
		"m1/60":                     {10, nan, 0},
		"IF(FILL(m1,2)<1,0.5,1.25)": {1.25, 1.25, 0.5},
		"(m1 + m2) * 2 - 1":         {1799, nan, nan},
		"m2 > 500":                  {0, 1, 0},
	} {
		got, err := evaluate(expression, known, 300)
		if err != nil {
			t.Errorf("%s: %s", expression, err)
			continue
		}
		for i, v := range want {
			if got[i] != v && !(math.IsNaN(v) && math.IsNaN(got[i])) {
				t.Errorf("%s: got %v, want %v", expression, got[:3], want)
				break
			}
		}
	}
	for _, expression := range []string{"", "m3", "m1+", "SUM(m1", "AVG(m1)", "[m1,m2]/2", "m1 m2", "FILL(m1)"} {
		if _, err := evaluate(expression, known, 300); err == nil {
			t.Errorf("%q is computed", expression)
		}
	}
}

func TestDrawRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON":  `{`,
		"widget":   `{"widgets": [{"type": "log"}]}`,
		"Markdown": `{"widgets": [{"type": "text", "properties": {"markdown": "* a list"}}]}`,
		"function": `{"widgets": [{"type": "metric", "properties": {"metrics": [[{"expression": "RATE(m1)"}]]}}]}`,
	} {
		if _, err := Draw(body, "", "", sample); err == nil {
			t.Errorf("%s: drawn", name)
		}
	}
}
