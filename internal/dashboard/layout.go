package dashboard

import (
	"fmt"
	"strings"
)

// The grid: CloudWatch's has 24 columns.
const (
	columns     = 24
	perRow      = 3
	graphHeight = 6
	maxHeader   = 12
)

// widget is one widget on the grid.
type widget struct {
	Type       string `json:"type"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Width      int    `json:"width"`
	Height     int    `json:"height"`
	Properties any    `json:"properties"`
}

// text is the properties of a text widget.
type text struct {
	Markdown   string `json:"markdown"`
	Background string `json:"background"`
}

// layout puts the graphs three by three below the header; those of the last row
// share its width.
func layout(head widget, graphs []graph) []widget {
	out := []widget{head}
	y := head.Height
	for len(graphs) > 0 {
		row := graphs[:min(perRow, len(graphs))]
		graphs = graphs[len(row):]
		width := columns / len(row)
		for i, g := range row {
			out = append(out, widget{Type: "metric", X: i * width, Y: y, Width: width, Height: graphHeight, Properties: g})
		}
		y += graphHeight
	}
	return out
}

// header says which workers these are.
func header(o Options, lines []line) widget {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n| Worker | Instance | Type | Region |\n|---|---|---|---|\n", plain(o.Title))
	for _, l := range lines {
		name := l.Name
		if name == "" {
			name = "–"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", plain(name), l.ID, l.Type, o.Region)
	}
	// A row of the table takes about two thirds of a unit.
	height := min(maxHeader, 3+(2*len(lines)+2)/3)
	return widget{Type: "text", Width: columns, Height: height, Properties: text{Markdown: b.String(), Background: "transparent"}}
}

// plain is a text that Markdown leaves as it is, on one line.
func plain(s string) string {
	var b strings.Builder
	for _, r := range strings.Join(strings.Fields(s), " ") {
		if strings.ContainsRune("\\`*_{}[]<>()#|!~$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
