// Package widgets checks the body of a CloudWatch dashboard. It is written from
// "Dashboard Body Structure and Syntax" and "Metric math" of the CloudWatch
// documentation alone, and knows no code that writes such bodies.
package widgets

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
)

// Widget is a widget as far as tests ask for it.
type Widget struct {
	Type, Title, Region string
	X, Y, Width, Height int
	Markdown            string
	Stat                string
	Period              int
	Stacked             bool
	Metrics             []Metric
	Annotations         []Annotation
}

// Metric is a metric or, with Expression, what is computed from metrics.
type Metric struct {
	Namespace, Name  string
	Dimensions       map[string]string
	Expression       string
	ID, Label, Color string
	Hidden           bool
	// order is that of the dimensions.
	order []string
}

// Annotation is a horizontal annotation.
type Annotation struct {
	Label string
	Value float64
}

// Check reads a body and holds it against the documentation. The error joins
// all that is wrong.
func Check(text string) ([]Widget, error) {
	var c checker
	var root any
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&root); err != nil {
		return nil, err
	}
	if d.More() {
		c.wrong("body", "more than one value")
	}
	o := c.object("body", root, "start", "end", "periodOverride", "widgets", "variables")
	if start, given := c.text("body", o, "start"); given && !relative.MatchString(start) {
		c.wrong("body.start", "%q is no relative time", start)
	}
	c.oneOf("body", o, "periodOverride", "auto", "inherit")
	list, ok := o["widgets"].([]any)
	if !ok || len(list) > 500 {
		c.wrong("body.widgets", "must be an array of 0 to 500")
	}
	var out []Widget
	total := 0
	for i, w := range list {
		widget := c.widget(fmt.Sprintf("widgets[%d]", i), w)
		for j, other := range out {
			if widget.X < other.X+other.Width && other.X < widget.X+widget.Width && widget.Y < other.Y+other.Height && other.Y < widget.Y+widget.Height {
				c.wrong(fmt.Sprintf("widgets[%d]", i), "lies over widgets[%d]", j)
			}
		}
		total += len(widget.Metrics)
		out = append(out, widget)
	}
	if total > 2500 {
		c.wrong("body", "%d metrics, at most 2500", total)
	}
	return out, errors.Join(c.all...)
}

var (
	relative = regexp.MustCompile(`^-P(T\d+[MH]|\d+[DWM])$`)
	color    = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	stat     = regexp.MustCompile(`^(SampleCount|Average|Sum|Minimum|Maximum|p\d{1,2}(\.\d+)?)$`)
	region   = regexp.MustCompile(`^[a-z]{2,4}(-[a-z]+)+-\d$`)
	id       = regexp.MustCompile(`^[a-z][A-Za-z0-9_]*$`)
)

func (c *checker) widget(at string, v any) Widget {
	o := c.object(at, v, "type", "x", "y", "width", "height", "properties")
	w := Widget{
		X: c.integer(at, o, "x", 0, 23, -1), Y: c.integer(at, o, "y", 0, math.MaxInt32, -1),
		Width: c.integer(at, o, "width", 1, 24, 6), Height: c.integer(at, o, "height", 1, 1000, 6),
	}
	if w.X+w.Width > 24 {
		c.wrong(at, "ends at column %d of 24", w.X+w.Width)
	}
	if (w.X < 0) != (w.Y < 0) {
		c.wrong(at, "x and y go together")
	}
	w.Type, _ = c.text(at, o, "type")
	switch at += ".properties"; w.Type {
	case "text":
		p := c.object(at, o["properties"], "markdown", "background")
		c.oneOf(at, p, "background", "transparent", "solid")
		if w.Markdown, _ = c.text(at, p, "markdown"); w.Markdown == "" {
			c.wrong(at, "no markdown")
		}
	case "metric":
		c.graph(at, o["properties"], &w)
	default:
		c.wrong(at, "type %q", w.Type)
	}
	return w
}

func (c *checker) graph(at string, v any, w *Widget) {
	p := c.object(at, v, "accountId", "annotations", "liveData", "legend", "metrics", "period", "region", "sparkline", "stacked", "stat",
		"table", "timezone", "title", "view", "yAxis")
	w.Title, _ = c.text(at, p, "title")
	if w.Region, _ = c.text(at, p, "region"); !region.MatchString(w.Region) {
		c.wrong(at, "region %q", w.Region)
	}
	c.oneOf(at, p, "view", "timeSeries", "singleValue", "gauge", "bar", "pie", "table")
	w.Stacked = c.flag(at, p, "stacked", false)
	w.Period = c.period(at, p, 300)
	w.Stat = c.statistic(at, p, "Average")
	if y, given := p["yAxis"]; given {
		sides := c.object(at+".yAxis", y, "left", "right")
		for side, v := range sides {
			axis := c.object(at+".yAxis."+side, v, "label", "min", "max", "showUnits")
			low, lowGiven := c.number(at, axis, "min")
			high, highGiven := c.number(at, axis, "max")
			if lowGiven && highGiven && low >= high {
				c.wrong(at, "the axis goes from %g to %g", low, high)
			}
			c.text(at, axis, "label")
			c.flag(at, axis, "showUnits", true)
		}
	}
	if a, given := p["annotations"]; given {
		w.Annotations = c.annotations(at+".annotations", a)
	}
	list, ok := p["metrics"].([]any)
	if !ok || len(list) == 0 || len(list) > 500 {
		c.wrong(at+".metrics", "must be an array of 1 to 500")
	}
	for i, m := range list {
		w.Metrics = append(w.Metrics, c.metric(fmt.Sprintf("%s.metrics[%d]", at, i), m, w.Metrics))
	}
	c.references(at, w.Metrics)
}

func (c *checker) annotations(at string, v any) []Annotation {
	var out []Annotation
	list, ok := c.object(at, v, "horizontal")["horizontal"].([]any)
	if !ok {
		c.wrong(at, "horizontal must be an array")
	}
	for _, v := range list {
		o := c.object(at, v, "value", "label", "color", "fill", "visible", "yAxis")
		c.oneOf(at, o, "fill", "above", "below", "none")
		c.color(at, o)
		a := Annotation{}
		a.Label, _ = c.text(at, o, "label")
		var given bool
		if a.Value, given = c.number(at, o, "value"); !given {
			c.wrong(at, "no value")
		}
		out = append(out, a)
	}
	return out
}

// metric reads one member of metrics; before are those in front of it.
func (c *checker) metric(at string, v any, before []Metric) Metric {
	var m Metric
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		c.wrong(at, "must be an array")
		return m
	}
	if o, ok := list[len(list)-1].(map[string]any); ok {
		list = list[:len(list)-1]
		c.object(at, o, "expression", "id", "label", "color", "visible", "period", "stat", "region", "accountId", "yAxis")
		m.Expression, _ = c.text(at, o, "expression")
		m.ID, _ = c.text(at, o, "id")
		m.Label, _ = c.text(at, o, "label")
		m.Color = c.color(at, o)
		m.Hidden = !c.flag(at, o, "visible", true)
		c.oneOf(at, o, "yAxis", "left", "right")
		c.period(at, o, 300)
		c.statistic(at, o, "")
	}
	if m.ID != "" && !id.MatchString(m.ID) {
		c.wrong(at, "id %q", m.ID)
	}
	if strings.Contains(m.Label, "${") {
		c.wrong(at, "label %q is a dynamic one", m.Label)
	}
	if m.Expression != "" {
		if len(list) > 0 {
			c.wrong(at, "an expression stands alone")
		}
		return m
	}
	var words []string
	for i, v := range list {
		s, ok := v.(string)
		if !ok || s == "" {
			c.wrong(at, "[%d] is no text", i)
		}
		if s == "." { // as in the metric before
			if len(before) == 0 || i >= 2+2*len(before[len(before)-1].Dimensions) {
				c.wrong(at, "[%d] repeats nothing", i)
				continue
			}
			s = before[len(before)-1].words()[i]
		}
		words = append(words, s)
	}
	if len(words) < 2 || len(words)%2 != 0 {
		c.wrong(at, "must be namespace, name and pairs of dimensions: %q", words)
		return m
	}
	m.Namespace, m.Name, m.Dimensions = words[0], words[1], map[string]string{}
	for i := 2; i < len(words); i += 2 {
		m.Dimensions[words[i]] = words[i+1]
		m.order = append(m.order, words[i])
	}
	return m
}

func (m Metric) words() []string {
	out := []string{m.Namespace, m.Name}
	for _, name := range m.order {
		out = append(out, name, m.Dimensions[name])
	}
	return out
}

var (
	token     = regexp.MustCompile(`^(\s+|[A-Za-z_][A-Za-z0-9_]*|\d+(\.\d+)?|[-+*/^(),\[\]<>=!]+)`)
	functions = []string{"ABS", "AVG", "FILL", "IF", "MAX", "MIN", "PERIOD", "SUM"}
)

// references checks that ids are unique, that expressions name ids that exist,
// and that what is hidden is there for some expression.
func (c *checker) references(at string, all []Metric) {
	seen, used := map[string]bool{}, map[string]bool{}
	for _, m := range all {
		if m.ID != "" && seen[m.ID] {
			c.wrong(at, "id %s twice", m.ID)
		}
		seen[m.ID] = true
	}
	for _, m := range all {
		depth, rest := 0, m.Expression
		for rest != "" {
			word := token.FindString(rest)
			if word == "" {
				c.wrong(at, "%q cannot be read from %q on", m.Expression, rest)
				break
			}
			rest = rest[len(word):]
			depth += strings.Count(word, "(") + strings.Count(word, "[") - strings.Count(word, ")") - strings.Count(word, "]")
			switch {
			case depth < 0:
				c.wrong(at, "%q closes what is not open", m.Expression)
			case slices.Contains(functions, word):
				if !strings.HasPrefix(rest, "(") {
					c.wrong(at, "%q: %s takes arguments", m.Expression, word)
				}
			case id.MatchString(word):
				if used[word] = true; !seen[word] {
					c.wrong(at, "%q names %s, which is not there", m.Expression, word)
				}
			case word[0] >= 'A' && word[0] <= 'Z':
				c.wrong(at, "%q: function %s", m.Expression, word)
			}
		}
		if depth != 0 {
			c.wrong(at, "%q is not closed", m.Expression)
		}
	}
	for _, m := range all {
		if m.Hidden && !used[m.ID] {
			c.wrong(at, "%s %s is hidden and of no use", m.Name, m.ID)
		}
	}
}
