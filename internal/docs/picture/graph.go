package picture

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// properties are those of a metric widget.
type properties struct {
	Title, Stat string
	Period      int
	Stacked     bool
	Metrics     [][]any
	YAxis       struct {
		Left struct {
			Label string
			Max   float64
		}
	}
	Annotations struct {
		Horizontal []struct {
			Label, Color, Fill string
			Value              float64
		}
	}
}

// series is a line of a graph.
type series struct {
	label, color string
	values       []float64
}

// lines evaluates what a graph shows.
func (p properties) lines(source Source) ([]series, error) {
	known, out := map[string][]float64{}, []series(nil)
	for _, m := range p.Metrics {
		look, _ := m[len(m)-1].(map[string]any)
		text := func(name string) string { s, _ := look[name].(string); return s }
		var values []float64
		if e := text("expression"); e != "" {
			var err error
			if values, err = evaluate(e, known, float64(p.Period)); err != nil {
				return nil, fmt.Errorf("%s: %w", e, err)
			}
		} else {
			if len(m) != 5 {
				return nil, fmt.Errorf("%v is not a metric with one dimension", m)
			}
			values = source(m[0].(string), m[1].(string), m[3].(string))
		}
		known[text("id")] = values
		if visible, given := look["visible"].(bool); !given || visible {
			out = append(out, series{label: text("label"), color: text("color"), values: values})
		}
	}
	if p.Stacked {
		for i := 1; i < len(out); i++ {
			for j, below := range out[i-1].values {
				switch v := out[i].values[j]; {
				case math.IsNaN(v):
					out[i].values[j] = below
				case !math.IsNaN(below):
					out[i].values[j] = v + below
				}
			}
		}
	}
	return out, nil
}

func drawGraph(c *canvas, at box, raw json.RawMessage, source Source) error {
	var p properties
	if err := json.Unmarshal(raw, &p); err != nil {
		return err
	}
	lines, err := p.lines(source)
	if err != nil {
		return err
	}
	c.add(`<rect x="%s" y="%s" width="%s" height="%s" rx="6" fill="%s" stroke="%s"/>`, px(at.x), px(at.y), px(at.w), px(at.h), card, rule)
	c.write(at.x+12, at.y+20, p.Title, ` font-size="13" font-weight="600"`)
	c.write(at.x+at.w-12, at.y+20, p.YAxis.Left.Label, fmt.Sprintf(` text-anchor="end" fill=%q`, faint))

	plot := box{at.x + 44, at.y + 34, at.w - 70, at.h - 34 - 42}
	top := p.YAxis.Left.Max
	if top == 0 {
		for _, a := range p.Annotations.Horizontal {
			top = max(top, 1.25*a.Value)
		}
		for _, l := range lines {
			for _, v := range l.values {
				if v > top { // not so for NaN
					top = v
				}
			}
		}
		top = ceiling(top)
	}
	x := func(i int) float64 { return plot.x + plot.w*float64(i)/(Points-1) }
	y := func(v float64) float64 { return plot.y + plot.h*(1-min(v, top)/top) }
	for i := range 5 {
		v := top * float64(i) / 4
		if i%2 == 0 {
			c.write(plot.x-6, y(v)+4, short(v), fmt.Sprintf(` text-anchor="end" fill=%q`, faint))
		}
		c.add(`<path d="M%s %sh%s" stroke="%s"/>`, px(plot.x), px(y(v)), px(plot.w), rule)
		c.write(x((Points-1)*i/4), plot.y+plot.h+15, fmt.Sprintf("%02d:00", (begin+i*6)%24), fmt.Sprintf(` text-anchor="middle" fill=%q`, faint))
	}
	for _, a := range p.Annotations.Horizontal {
		if a.Fill == "above" {
			c.add(`<rect x="%s" y="%s" width="%s" height="%s" fill="%s" fill-opacity="0.07"/>`, px(plot.x), px(plot.y), px(plot.w), px(y(a.Value)-plot.y), a.Color)
		}
		c.add(`<path d="M%s %sh%s" stroke="%s" stroke-dasharray="5 3"/>`, px(plot.x), px(y(a.Value)), px(plot.w), a.Color)
		c.write(plot.x+4, y(a.Value)-5, a.Label, fmt.Sprintf(` fill=%q`, a.Color))
	}
	if p.Stacked { // the lower areas over the higher ones
		for i := len(lines) - 1; i >= 0; i-- {
			area(c, lines[i], x, y, y(0))
		}
	}
	for _, l := range lines {
		c.add(`<path d="%s" fill="none" stroke="%s" stroke-width="1.7" stroke-linejoin="round" stroke-linecap="round"/>`, path(l.values, x, y), l.color)
	}
	left := plot.x
	for _, l := range lines {
		c.add(`<rect x="%s" y="%s" width="10" height="10" rx="2" fill="%s"/>`, px(left), px(at.y+at.h-19), l.color)
		c.write(left+15, at.y+at.h-10, l.label, "")
		left += 15 + 6.6*float64(len(l.label)) + 16
	}
	return nil
}

// path is a line with gaps where there is no value.
func path(values []float64, x func(int) float64, y func(float64) float64) string {
	var b strings.Builder
	pen := "M"
	for i, v := range values {
		if math.IsNaN(v) {
			pen = "M"
			continue
		}
		b.WriteString(pen + px(x(i)) + " " + px(y(v)))
		pen = "L"
	}
	return b.String()
}

// area fills what is below a line.
func area(c *canvas, l series, x func(int) float64, y func(float64) float64, floor float64) {
	for i := 0; i < len(l.values); i++ {
		if math.IsNaN(l.values[i]) {
			continue
		}
		end := i
		for end+1 < len(l.values) && !math.IsNaN(l.values[end+1]) {
			end++
		}
		part := make([]float64, len(l.values))
		for j := range part {
			if part[j] = math.NaN(); j >= i && j <= end {
				part[j] = l.values[j]
			}
		}
		c.add(`<path d="%sL%s %sL%s %sZ" fill="%s"/>`, path(part, x, y), px(x(end)), px(floor), px(x(i)), px(floor), card)
		c.add(`<path d="%sL%s %sL%s %sZ" fill="%s" fill-opacity="0.3"/>`, path(part, x, y), px(x(end)), px(floor), px(x(i)), px(floor), l.color)
		i = end
	}
}
