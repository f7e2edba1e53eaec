// Package picture draws the body of a CloudWatch dashboard as an SVG for the
// documentation: the very body that the provider writes, with sample data in
// place of CloudWatch's. The same body and data give the same bytes.
package picture

import (
	"encoding/json"
	"fmt"
	"html"
	"math"
	"strings"
)

// Source returns the values of a metric at Points times, math.NaN where there
// is none.
type Source func(namespace, name, dimension string) []float64

// Points are the values of a line, the first at Begin and one every Step minutes.
const (
	Points = 97
	Step   = 15
	// begin is the hour of the day at the left edge.
	begin = 18
)

// Measures of the drawing, in pixels.
const (
	column, unit = 42, 34
	gap          = 4
	margin       = 8
)

// Colours of everything that is not a worker's line.
const (
	ink, faint, rule, card, ground = "#1f2328", "#59636e", "#e4e7eb", "#ffffff", "#f6f8fa"
)

// body is the part of a dashboard's body that is drawn.
type body struct {
	Widgets []struct {
		Type                string
		X, Y, Width, Height int
		Properties          json.RawMessage
	}
}

// canvas is a drawing.
type canvas struct{ strings.Builder }

func (c *canvas) add(format string, values ...any) { fmt.Fprintf(c, format+"\n", values...) }

// write sets a line of text.
func (c *canvas) write(x, y float64, text, attributes string) {
	c.add(`<text x="%s" y="%s"%s>%s</text>`, px(x), px(y), attributes, html.EscapeString(text))
}

// box is a rectangle of the drawing.
type box struct{ x, y, w, h float64 }

// Draw draws a body. Title and description are for those who do not see it.
func Draw(text, title, description string, source Source) ([]byte, error) {
	var b body
	if err := json.Unmarshal([]byte(text), &b); err != nil {
		return nil, err
	}
	var inner canvas
	bottom := 0
	for i, w := range b.Widgets {
		bottom = max(bottom, w.Y+w.Height)
		at := box{float64(margin + column*w.X + gap), float64(margin + unit*w.Y + gap), float64(column*w.Width - 2*gap), float64(unit*w.Height - 2*gap)}
		var err error
		switch w.Type {
		case "text":
			err = drawText(&inner, at, w.Properties)
		case "metric":
			err = drawGraph(&inner, at, w.Properties, source)
		default:
			err = fmt.Errorf("nothing draws a widget of type %q", w.Type)
		}
		if err != nil {
			return nil, fmt.Errorf("widget %d: %w", i, err)
		}
	}
	width, height := 24*column+2*margin, bottom*unit+2*margin
	var out canvas
	out.add(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-labelledby="title desc" font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="11" fill="%s">`,
		width, height, width, height, ink)
	out.add(`<title id="title">%s</title>`, html.EscapeString(title))
	out.add(`<desc id="desc">%s</desc>`, html.EscapeString(description))
	out.add(`<rect width="%d" height="%d" fill="%s"/>`, width, height, ground)
	out.WriteString(inner.String())
	out.add(`</svg>`)
	return []byte(out.String()), nil
}

// px is a length with at most one decimal.
func px(v float64) string {
	s := fmt.Sprintf("%.1f", v)
	if s = strings.TrimSuffix(s, ".0"); s == "-0" {
		return "0"
	}
	return s
}

// drawText draws a heading and a table, the Markdown that a dashboard has here.
func drawText(c *canvas, at box, properties json.RawMessage) error {
	var p struct{ Markdown string }
	if err := json.Unmarshal(properties, &p); err != nil {
		return err
	}
	const indent, line = 12, 24.0
	y, rows := at.y+30, 0
	for _, s := range strings.Split(p.Markdown, "\n") {
		switch {
		case s == "", strings.HasPrefix(s, "|---"):
		case strings.HasPrefix(s, "# "):
			c.write(at.x+indent, y, unescape(s[2:]), ` font-size="20" font-weight="600"`)
			y += 34
		case strings.HasPrefix(s, "| "):
			cells := strings.Split(strings.Trim(s, "| "), " | ")
			cell := min(170, (at.w-indent)/float64(len(cells)))
			look := ` font-size="13"`
			if rows == 0 {
				look += ` font-weight="600"`
			} else {
				c.add(`<path d="M%s %sh%s" stroke="%s"/>`, px(at.x+indent), px(y-line+7), px(cell*float64(len(cells))), rule)
			}
			for i, text := range cells {
				c.write(at.x+indent+float64(i)*cell, y, unescape(text), look)
			}
			y += line
			rows++
		default:
			return fmt.Errorf("nothing draws %q", s)
		}
	}
	return nil
}

// unescape takes the backslashes of Markdown out.
func unescape(s string) string { return strings.ReplaceAll(s, `\`, "") }

// ceiling is the next round number for the top of an axis with four parts.
func ceiling(v float64) float64 {
	if v <= 0 {
		return 1
	}
	decade := math.Pow(10, math.Floor(math.Log10(v)))
	for _, step := range []float64{1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10} {
		if v <= step*decade {
			return step * decade
		}
	}
	return 10 * decade
}

// short is a number with k, M and G.
func short(v float64) string {
	for _, u := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= u.of {
			return fmt.Sprintf("%g%s", math.Round(10*v/u.of)/10, u.name)
		}
	}
	return fmt.Sprintf("%g", math.Round(100*v)/100)
}
