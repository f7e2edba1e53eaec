package dashboard_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/widgets"
	"github.com/cml-infra/terraform-provider-cml/internal/dashboard"
)

func options(change ...func(*dashboard.Options)) dashboard.Options {
	o := dashboard.Options{
		Title: "Labs", Region: "us-east-1", Groups: dashboard.Groups(), Period: 5 * time.Minute, Lookback: 24 * time.Hour, IdleThreshold: 30 * time.Minute,
	}
	for _, f := range change {
		f(&o)
	}
	return o
}

// three are a nested, a bare metal and a burstable worker.
func three() []dashboard.Worker {
	return []dashboard.Worker{
		{ID: "i-0c", Name: "lab-03", Type: "t3.large", Burstable: true, Volumes: []string{"vol-c"}},
		{ID: "i-0a", Name: "lab-01", Type: "m8i.4xlarge", Volumes: []string{"vol-a"}},
		{ID: "i-0b", Name: "lab-02", Type: "m5zn.metal", BareMetal: true, Volumes: []string{"vol-z", "vol-b"}},
	}
}

// read writes the body and checks it.
func read(t *testing.T, o dashboard.Options, workers []dashboard.Worker) map[string]widgets.Widget {
	t.Helper()
	body, err := dashboard.Body(o, workers)
	if err != nil {
		t.Fatal(err)
	}
	all, err := widgets.Check(body)
	if err != nil {
		t.Fatalf("%s\n%s", err, body)
	}
	out := map[string]widgets.Widget{}
	for _, w := range all {
		out[w.Title] = w
	}
	return out
}

// shown are the lines of a graph: label, and what is drawn.
func shown(w widgets.Widget) []string {
	names := map[string]string{}
	var out []string
	for _, m := range w.Metrics {
		what := m.Namespace + " " + m.Name
		for k, v := range m.Dimensions {
			what += " " + k + "=" + v
		}
		names[m.ID] = what
		if m.Expression != "" {
			what = m.Expression
			for _, id := range slices.Backward(slices.Sorted(maps.Keys(names))) {
				if id != "" {
					what = strings.ReplaceAll(what, id, names[id])
				}
			}
		}
		if !m.Hidden {
			out = append(out, m.Label+": "+what)
		}
	}
	return out
}

func TestBody(t *testing.T) {
	got := read(t, options(), three())
	ec2 := func(format string, ids ...string) (out []string) {
		for i, id := range ids {
			if id != "" {
				out = append(out, fmt.Sprintf("lab-%02d: ", i+1)+strings.ReplaceAll(format, "$", "InstanceId="+id))
			}
		}
		return out
	}
	all := []string{"i-0a", "i-0b", "i-0c"}
	rate := func(name string) string { return strings.ReplaceAll("X $/PERIOD(X $)", "X", name) }
	for title, want := range map[string]struct {
		stat  string
		lines []string
	}{
		"CPU":                  {"Average", ec2("AWS/EC2 CPUUtilization $", all...)},
		"Idle for":             {"Minimum", ec2("CML/Worker IdleSeconds $/60", all...)},
		"Running nodes":        {"Maximum", ec2("CML/Worker RunningNodes $", all...)},
		"Started labs":         {"Maximum", ec2("CML/Worker LabsStarted $", all...)},
		"Memory":               {"Average", ec2("CML/Worker MemoryPercent $", all...)},
		"Disk of CML":          {"Maximum", ec2("CML/Worker DiskPercent $", all...)},
		"Network in":           {"Sum", ec2(rate("AWS/EC2 NetworkIn"), all...)},
		"Network out":          {"Sum", ec2(rate("AWS/EC2 NetworkOut"), all...)},
		"Failed status checks": {"Maximum", ec2("AWS/EC2 StatusCheckFailed $", all...)},
		"CPU credits":          {"Minimum", ec2("AWS/EC2 CPUCreditBalance $", "", "", "i-0c")},
		"EBS read": {"Sum", []string{
			"lab-01: AWS/EC2 EBSReadBytes InstanceId=i-0a/PERIOD(AWS/EC2 EBSReadBytes InstanceId=i-0a)",
			"lab-02: SUM([AWS/EBS VolumeReadBytes VolumeId=vol-b,AWS/EBS VolumeReadBytes VolumeId=vol-z])/PERIOD(AWS/EBS VolumeReadBytes VolumeId=vol-b)",
			"lab-03: AWS/EC2 EBSReadBytes InstanceId=i-0c/PERIOD(AWS/EC2 EBSReadBytes InstanceId=i-0c)"}},
		"EBS operations": {"Sum", nil},
		"EBS written":    {"Sum", nil},
	} {
		w, there := got[title]
		delete(got, title)
		if !there || w.Stat != want.stat || want.lines != nil && !slices.Equal(shown(w), want.lines) {
			t.Errorf("%s (%s): got\n  %s\nwant (%s)\n  %s", title, w.Stat, strings.Join(shown(w), "\n  "), want.stat, strings.Join(want.lines, "\n  "))
		}
		if title == "Idle for" && (len(w.Annotations) != 1 || w.Annotations[0] != (widgets.Annotation{Label: "idle after 30 min", Value: 30})) {
			t.Errorf("annotations %+v", w.Annotations)
		}
		if w.Region != "us-east-1" || w.Period != 300 {
			t.Errorf("%s is of %s, every %d s", title, w.Region, w.Period)
		}
	}
	text := got[""].Markdown
	for _, want := range []string{"# Labs\n", "| lab-01 | i-0a | m8i.4xlarge | us-east-1 |\n| lab-02 | i-0b |"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if len(got) != 1 {
		t.Errorf("more than expected: %+v", got)
	}
}

func TestCosts(t *testing.T) {
	workers := three()
	workers[1].Cost, workers[2].Cost = &dashboard.Cost{Running: 0.84672, Stopped: 0.008}, &dashboard.Cost{Running: 3.9641, Stopped: 0.1096}
	dollars := func(o *dashboard.Options) { o.Currency, o.Groups = "USD", []string{dashboard.CPU} }
	got := read(t, options(dollars), workers)
	costs := got["Cost per hour"]
	check := func(id string) string { return "FILL(AWS/EC2 StatusCheckFailed InstanceId=" + id + ",2)>1" }
	if want := []string{"lab-01: IF(" + check("i-0a") + ",0.008,0.84672)", "lab-02: IF(" + check("i-0b") + ",0.1096,3.9641)"}; !slices.Equal(shown(costs), want) || !costs.Stacked || costs.Stat != "Maximum" {
		t.Errorf("got %q, want %q", shown(costs), want)
	}
	if len(costs.Annotations) != 0 {
		t.Errorf("a sum of what is not known: %+v", costs.Annotations)
	}
	for _, want := range []string{"| Region | Running, USD/h | Stopped, USD/h |\n|---|---|---|---|---|---|\n", "| us-east-1 | 0.85 | 0.008 |\n", "| us-east-1 | 3.96 | 0.11 |\n", "| us-east-1 | – | – |\n"} {
		if !strings.Contains(got[""].Markdown, want) {
			t.Errorf("the text lacks %q:\n%s", want, got[""].Markdown)
		}
	}
	all := read(t, options(dollars), workers[1:])["Cost per hour"].Annotations
	if len(all) != 1 || all[0] != (widgets.Annotation{Label: "all running: 4.81 USD", Value: 4.81082}) {
		t.Errorf("annotations %+v", all)
	}
	if plain := read(t, options(), workers); strings.Contains(plain[""].Markdown, "USD") || plain["Cost per hour"].Type != "" {
		t.Error("costs that nobody asked for")
	}
}

// A worker has one colour through all graphs, and another than its neighbour.
func TestColors(t *testing.T) {
	colors := map[string]string{}
	for title, w := range read(t, options(), three()) {
		for _, m := range w.Metrics {
			if m.Hidden {
				continue
			}
			if c, known := colors[m.Label]; known && c != m.Color {
				t.Errorf("%s is %s in %s, %s elsewhere", m.Label, m.Color, title, c)
			}
			colors[m.Label] = m.Color
		}
	}
	if len(colors) != 3 || colors["lab-01"] == colors["lab-02"] || colors["lab-02"] == colors["lab-03"] {
		t.Errorf("colours %v", colors)
	}
}

func TestOptions(t *testing.T) {
	one := func(change func(*dashboard.Options)) map[string]widgets.Widget {
		return read(t, options(change), three()[1:2])
	}
	got := one(func(o *dashboard.Options) {
		o.Groups, o.Period, o.IdleThreshold = []string{dashboard.Credits, dashboard.CML, dashboard.CPU}, time.Minute, 0
	})
	if len(got) != 7 || got["CPU"].Period != 60 || len(got["Idle for"].Annotations) != 0 {
		t.Errorf("got %+v", got)
	}
	// EC2 has credits every five minutes only
	credits := read(t, options(func(o *dashboard.Options) { o.Period = time.Minute }), three())["CPU credits"]
	if credits.Period != 300 {
		t.Errorf("credits every %d s", credits.Period)
	}
	for lookback, want := range map[time.Duration]string{90 * time.Minute: `"start":"-PT90M"`, 3 * time.Hour: `"start":"-PT3H"`} {
		body, err := dashboard.Body(options(func(o *dashboard.Options) { o.Lookback = lookback }), three())
		if err != nil || !strings.Contains(body, want) || !strings.Contains(body, `"periodOverride":"auto"`) {
			t.Errorf("lookback %s: %v, %.80s", lookback, err, body)
		}
	}
	body, err := dashboard.Body(options(func(o *dashboard.Options) { o.FixedPeriod = true }), three())
	if err != nil || !strings.Contains(body, `"periodOverride":"inherit"`) {
		t.Errorf("fixed period: %v, %.80s", err, body)
	}
}

func TestNames(t *testing.T) {
	workers := []dashboard.Worker{
		{ID: "i-01", Name: "twin", Type: "m8i.large"}, {ID: "i-02", Name: "twin", Type: "m8i.large"},
		{ID: "i-03", Type: "m8i.large"}, {ID: "i-04", Name: "${LAST} | a*b <i>\n# c", Type: "m8i.large"},
	}
	got := read(t, options(func(o *dashboard.Options) { o.Title = "Labs | of *all*" }), workers)
	var labels []string
	for _, m := range got["CPU"].Metrics {
		labels = append(labels, m.Label)
	}
	if want := []string{"i-03", "$ {LAST} | a*b <i> # c", "twin (i-01)", "twin (i-02)"}; !slices.Equal(labels, want) {
		t.Errorf("labels %q, want %q", labels, want)
	}
	for _, want := range []string{`# Labs \| of \*all\*` + "\n", "| – | i-03 |", `| \$\{LAST\} \| a\*b \<i\> \# c | i-04 |`} {
		if !strings.Contains(got[""].Markdown, want) {
			t.Errorf("the text lacks %q:\n%s", want, got[""].Markdown)
		}
	}
}

// Whatever the workers: the body is as CloudWatch documents it, and does not
// depend on the order in which they are given.
func TestAnyBody(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var workers []dashboard.Worker
		for i := range rapid.IntRange(0, 30).Draw(t, "workers") {
			w := dashboard.Worker{
				ID: fmt.Sprintf("i-%017x", i), Name: rapid.SampledFrom([]string{"", "a", "b", "${x}", "|*"}).Draw(t, "name"), Type: "m8i.large",
				BareMetal: rapid.Bool().Draw(t, "metal"), Burstable: rapid.Bool().Draw(t, "burstable"),
			}
			for v := range rapid.IntRange(0, 3).Draw(t, "volumes") {
				w.Volumes = append(w.Volumes, fmt.Sprintf("vol-%d-%d", i, v))
			}
			workers = append(workers, w)
		}
		groups := rapid.SliceOfDistinct(rapid.SampledFrom(dashboard.Groups()), rapid.ID[string]).Draw(t, "groups")
		o := options(func(o *dashboard.Options) { o.Groups = groups })
		body, err := dashboard.Body(o, workers)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := widgets.Check(body); err != nil {
			t.Fatalf("%s\n%s", err, body)
		}
		shuffled := rapid.Permutation(workers).Draw(t, "order")
		o.Groups = rapid.Permutation(groups).Draw(t, "order of groups")
		if again, err := dashboard.Body(o, shuffled); err != nil || again != body {
			t.Fatalf("another order, another body (%v)", err)
		}
	})
}

func TestTooMany(t *testing.T) {
	many := func(n, volumes int, groups ...string) error {
		var workers []dashboard.Worker
		for i := range n {
			w := dashboard.Worker{ID: fmt.Sprintf("i-%017x", i), BareMetal: volumes > 0}
			for v := range volumes {
				w.Volumes = append(w.Volumes, fmt.Sprintf("vol-%d-%d", i, v))
			}
			workers = append(workers, w)
		}
		_, err := dashboard.Body(options(func(o *dashboard.Options) { o.Groups = groups }), workers)
		return err
	}
	if err := many(500, 0, dashboard.CPU); err != nil {
		t.Errorf("500 in a widget: %s", err)
	}
	if err := many(120, 0, dashboard.Groups()...); err != nil {
		t.Errorf("120 workers with everything: %s", err)
	}
	var e *dashboard.TooManyError
	if err := many(501, 0, dashboard.CPU); !errors.As(err, &e) || e.Metrics != 501 || e.Limit != 500 || e.Widget != "CPU" {
		t.Errorf("501 in a widget: %v", err)
	}
	if err := many(20, 25, dashboard.EBS); !errors.As(err, &e) || e.Widget != "EBS read" || e.Metrics != 520 {
		t.Errorf("500 volumes: %v", err)
	}
	if err := many(160, 0, dashboard.Groups()...); !errors.As(err, &e) || e.Widget != "" || e.Limit != 2500 {
		t.Errorf("160 workers: %v", err)
	}
}
