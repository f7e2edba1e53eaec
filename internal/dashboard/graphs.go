package dashboard

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// graph is the properties of a metric widget.
type graph struct {
	Title       string       `json:"title"`
	Region      string       `json:"region"`
	View        string       `json:"view"`
	Stacked     bool         `json:"stacked"`
	Stat        string       `json:"stat"`
	Period      int          `json:"period"`
	Metrics     [][]any      `json:"metrics"`
	YAxis       yAxis        `json:"yAxis"`
	Annotations *annotations `json:"annotations,omitempty"`
}

type yAxis struct {
	Left axis `json:"left"`
}

type axis struct {
	Label     string `json:"label"`
	Min       int    `json:"min"`
	Max       int    `json:"max,omitempty"`
	ShowUnits bool   `json:"showUnits"`
}

type annotations struct {
	Horizontal []annotation `json:"horizontal"`
}

type annotation struct {
	Label string  `json:"label"`
	Value float64 `json:"value"`
	Color string  `json:"color"`
	Fill  string  `json:"fill"`
}

// rendering is the last member of a metric, and the only one of an expression.
type rendering struct {
	Expression string `json:"expression,omitempty"`
	ID         string `json:"id,omitempty"`
	Label      string `json:"label,omitempty"`
	Color      string `json:"color,omitempty"`
	Visible    *bool  `json:"visible,omitempty"`
}

// The namespaces.
const (
	ec2Namespace = "AWS/EC2"
	ebsNamespace = "AWS/EBS"
)

// limitColor is that of a threshold.
const limitColor = "#d62728"

// creditPeriod is the only one that EC2 has CPU credits for.
const creditPeriod = 5 * time.Minute

// graphsOf returns the graphs in the order in which they are looked at: who
// uses the workers, then what the machines do.
func graphsOf(o Options, lines []line) []graph {
	has := func(group string) bool { return slices.Contains(o.Groups, group) }
	var out []graph
	add := func(title, unit, stat string, fill func(*graph)) {
		g := graph{Title: title, Region: o.Region, View: "timeSeries", Stat: stat, Period: int(o.Period / time.Second), Metrics: [][]any{}}
		g.YAxis.Left.Label = unit
		if fill(&g); len(g.Metrics) > 0 {
			out = append(out, g)
		}
	}
	percent := func(g *graph) { g.YAxis.Left.Max = 100 }
	if has(CPU) {
		add("CPU", "Percent", "Average", func(g *graph) { percent(g); g.each(lines, ec2Namespace, "CPUUtilization") })
	}
	if has(CML) {
		add("Idle for", "Minutes", "Minimum", func(g *graph) {
			for _, l := range lines {
				g.expression(l, "%s/60", g.hidden(publisher.Namespace, publisher.IdleSeconds, "InstanceId", l.ID))
			}
			if o.IdleThreshold > 0 {
				g.Annotations = &annotations{Horizontal: []annotation{{
					Label: fmt.Sprintf("idle after %g min", o.IdleThreshold.Minutes()), Value: o.IdleThreshold.Minutes(), Color: limitColor, Fill: "above"}}}
			}
		})
		add("Running nodes", "Nodes", "Maximum", func(g *graph) { g.Stacked = true; g.each(lines, publisher.Namespace, publisher.RunningNodes) })
		add("Started labs", "Labs", "Maximum", func(g *graph) { g.Stacked = true; g.each(lines, publisher.Namespace, publisher.LabsStarted) })
		add("Memory", "Percent", "Average", func(g *graph) { percent(g); g.each(lines, publisher.Namespace, publisher.MemoryPercent) })
		add("Disk of CML", "Percent", "Maximum", func(g *graph) { percent(g); g.each(lines, publisher.Namespace, publisher.DiskPercent) })
	}
	if has(Network) {
		for _, m := range [][2]string{{"Network in", "NetworkIn"}, {"Network out", "NetworkOut"}} {
			add(m[0], "Bytes per second", "Sum", func(g *graph) {
				for _, l := range lines {
					g.rate(l, g.hidden(ec2Namespace, m[1], "InstanceId", l.ID))
				}
			})
		}
	}
	if has(EBS) {
		add("EBS read", "Bytes per second", "Sum", func(g *graph) { g.disks(lines, "ReadBytes") })
		add("EBS written", "Bytes per second", "Sum", func(g *graph) { g.disks(lines, "WriteBytes") })
		add("EBS operations", "Per second", "Sum", func(g *graph) { g.disks(lines, "ReadOps", "WriteOps") })
	}
	if has(Status) {
		add("Failed status checks", "Failed", "Maximum", func(g *graph) { g.YAxis.Left.Max = 1; g.each(lines, ec2Namespace, "StatusCheckFailed") })
	}
	if has(Credits) {
		add("CPU credits", "Credits", "Minimum", func(g *graph) {
			g.Period = int(max(o.Period, creditPeriod) / time.Second)
			g.each(slices.DeleteFunc(slices.Clone(lines), func(l line) bool { return !l.Burstable }), ec2Namespace, "CPUCreditBalance")
		})
	}
	if o.Currency != "" {
		add("Cost per hour", o.Currency, "Maximum", func(g *graph) { g.Stacked = true; g.costs(lines, o.Currency) })
	}
	return out
}

// costs adds what each worker costs over time. A machine that runs has a status
// check each minute, and one that is stopped has none.
func (g *graph) costs(lines []line, currency string) {
	total, all := 0.0, true
	for _, l := range lines {
		if all = all && l.Cost != nil; l.Cost == nil {
			continue
		}
		total += l.Cost.Running
		g.expression(l, fmt.Sprintf("IF(FILL(%%s,2)>1,%s,%s)", decimal(l.Cost.Stopped), decimal(l.Cost.Running)), g.hidden(ec2Namespace, "StatusCheckFailed", "InstanceId", l.ID))
	}
	if all {
		value, _ := strconv.ParseFloat(decimal(total), 64) // what decimal wrote
		g.Annotations = &annotations{Horizontal: []annotation{{Label: "all running: " + money(total) + " " + currency, Value: value, Color: limitColor, Fill: "none"}}}
	}
}

// decimal is an amount to the millionth, without zeros at its end.
func decimal(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// each adds a metric of each worker.
func (g *graph) each(lines []line, namespace, name string) {
	for _, l := range lines {
		g.Metrics = append(g.Metrics, []any{namespace, name, "InstanceId", l.ID, rendering{Label: l.label, Color: l.color}})
	}
}

// disks adds what each worker does on its disks, per second.
func (g *graph) disks(lines []line, names ...string) {
	for _, l := range lines {
		var ids []string
		for _, name := range names {
			if !l.BareMetal {
				ids = append(ids, g.hidden(ec2Namespace, "EBS"+name, "InstanceId", l.ID))
				continue
			}
			for _, volume := range l.Volumes {
				ids = append(ids, g.hidden(ebsNamespace, "Volume"+name, "VolumeId", volume))
			}
		}
		if len(ids) > 0 {
			g.rate(l, ids...)
		}
	}
}

// hidden adds a metric that only expressions use, and returns its id.
func (g *graph) hidden(namespace, name, dimension, value string) string {
	id, visible := fmt.Sprintf("m%d", len(g.Metrics)+1), false
	g.Metrics = append(g.Metrics, []any{namespace, name, dimension, value, rendering{ID: id, Visible: &visible}})
	return id
}

// rate adds the sum of metrics per second. SUM of a list passes over those that
// have no value.
func (g *graph) rate(l line, ids ...string) {
	if len(ids) == 1 {
		g.expression(l, "%[1]s/PERIOD(%[1]s)", ids[0])
		return
	}
	g.expression(l, "SUM(["+strings.Join(ids, ",")+"])/PERIOD(%s)", ids[0])
}

// expression adds a worker's line that is computed.
func (g *graph) expression(l line, format string, id string) {
	g.Metrics = append(g.Metrics, []any{rendering{
		Expression: fmt.Sprintf(format, id), ID: fmt.Sprintf("e%d", len(g.Metrics)+1), Label: l.label, Color: l.color}})
}
