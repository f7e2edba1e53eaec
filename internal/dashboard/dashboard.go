// Package dashboard writes the body of a CloudWatch dashboard over CML workers.
// It asks nobody: what it has to know of a worker, the caller has read.
//
// The body follows "Dashboard Body Structure and Syntax" of the CloudWatch API
// Reference. The same workers and options give the same text, byte by byte, so
// that a plan with it stays empty.
package dashboard

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The groups of metrics.
const (
	CPU     = "cpu"     // AWS/EC2 CPUUtilization
	Network = "network" // AWS/EC2 NetworkIn and NetworkOut
	EBS     = "ebs"     // AWS/EC2 EBS…, or AWS/EBS by volume on bare metal
	Credits = "credits" // AWS/EC2 CPUCreditBalance of burstable types
	Status  = "status"  // AWS/EC2 StatusCheckFailed
	CML     = "cml"     // CML/Worker, as the publisher on the worker sends it
)

// Groups returns all groups of metrics.
func Groups() []string { return []string{CPU, Network, EBS, Credits, Status, CML} }

// Limits of CloudWatch: of a widget, and of all widgets together; metrics that
// only an expression uses count (CloudWatch service quotas).
const (
	MaxMetricsPerWidget    = 500
	MaxMetricsPerDashboard = 2500
)

// Worker is what the dashboard tells of a worker: nothing that changes with its
// power state.
type Worker struct {
	// ID is the instance id, Name the Name tag, Type the instance type.
	ID, Name, Type string
	// BareMetal types report no EBS figures by instance, so that Volumes, the
	// ids of the volumes, stand in. Burstable types have CPU credits.
	BareMetal, Burstable bool
	Volumes              []string
	// Cost is nil where it is not to be shown, or not known.
	Cost *Cost
}

// Cost is what a worker costs in an hour.
type Cost struct{ Running, Stopped float64 }

// Options are what the dashboard shows.
type Options struct {
	// Title heads it, Region is that of all workers.
	Title, Region string
	// Groups are of Groups(), in any order.
	Groups []string
	// Period is that of a point, a multiple of a minute. With FixedPeriod it
	// stays so when somebody looks at a longer time.
	Period      time.Duration
	FixedPeriod bool
	// Lookback is the time that is shown first, in whole minutes.
	Lookback time.Duration
	// IdleThreshold is drawn where idle time is shown; 0 draws none.
	IdleThreshold time.Duration
	// Currency is that of all costs, as in "USD"; "" shows none.
	Currency string
}

// TooManyError says that CloudWatch would not take the dashboard.
type TooManyError struct {
	// Metrics are asked for and Limit are taken, by the widget with this title or,
	// when it is "", by all together.
	Metrics, Limit int
	Widget         string
}

// Error implements error.
func (e *TooManyError) Error() string {
	where := "a dashboard"
	if e.Widget != "" {
		where = fmt.Sprintf("a widget (%q)", e.Widget)
	}
	return fmt.Sprintf("%d metrics in %s, and CloudWatch takes %d", e.Metrics, where, e.Limit)
}

// body is the outermost object.
type body struct {
	Start          string   `json:"start"`
	PeriodOverride string   `json:"periodOverride"`
	Widgets        []widget `json:"widgets"`
}

// Body returns the JSON text. The error is a *TooManyError.
func Body(o Options, workers []Worker) (string, error) {
	lines := linesOf(workers)
	graphs := graphsOf(o, lines)
	if err := count(graphs); err != nil {
		return "", err
	}
	out := body{Start: span(o.Lookback), PeriodOverride: "auto", Widgets: layout(header(o, lines), graphs)}
	if o.FixedPeriod {
		out.PeriodOverride = "inherit"
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return "", err
	}
	return strings.TrimSpace(text.String()), nil
}

// line is a worker with its look, which is the same in every graph.
type line struct {
	Worker
	label, color string
}

// palette is that of CloudWatch's own graphs.
var palette = []string{
	"#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
}

// linesOf puts the workers in order, by name and id.
func linesOf(workers []Worker) []line {
	sorted := slices.Clone(workers)
	slices.SortFunc(sorted, func(a, b Worker) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	names := map[string]int{}
	for _, w := range sorted {
		names[w.Name]++
	}
	out := make([]line, len(sorted))
	for i, w := range sorted {
		label := strings.Join(strings.Fields(w.Name), " ")
		switch {
		case label == "":
			label = w.ID
		case names[w.Name] > 1:
			label += " (" + w.ID + ")"
		}
		w.Volumes = slices.Sorted(slices.Values(w.Volumes))
		// In a label CloudWatch takes ${…} as a value to fill in.
		out[i] = line{Worker: w, label: strings.ReplaceAll(label, "${", "$ {"), color: palette[i%len(palette)]}
	}
	return out
}

// count holds the graphs against the limits.
func count(graphs []graph) error {
	total := 0
	for _, g := range graphs {
		n := len(g.Metrics)
		if n > MaxMetricsPerWidget {
			return &TooManyError{Metrics: n, Limit: MaxMetricsPerWidget, Widget: g.Title}
		}
		total += n
	}
	if total > MaxMetricsPerDashboard {
		return &TooManyError{Metrics: total, Limit: MaxMetricsPerDashboard}
	}
	return nil
}

// span is a time before now as CloudWatch writes it.
func span(d time.Duration) string {
	if minutes := int(d / time.Minute); minutes%60 != 0 {
		return fmt.Sprintf("-PT%dM", minutes)
	}
	return fmt.Sprintf("-PT%dH", int(d/time.Hour))
}
