package dashboard

import (
	"fmt"
	"strconv"
	"strings"
)

// The grid: CloudWatch's has 24 columns.
const (
	grid        = 24
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
		width := grid / len(row)
		for i, g := range row {
			out = append(out, widget{Type: "metric", X: i * width, Y: y, Width: width, Height: graphHeight, Properties: g})
		}
		y += graphHeight
	}
	return out
}

// header says which workers these are, and what they cost.
func header(o Options, lines []line) widget {
	columns := []string{"Worker", "Instance", "Type", "Region"}
	if o.Currency != "" {
		columns = append(columns, "Running, "+o.Currency+"/h", "Stopped, "+o.Currency+"/h")
	}
	var b strings.Builder
	row := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	fmt.Fprintf(&b, "# %s\n\n", plain(o.Title))
	if len(lines) == 0 {
		b.WriteString("No workers.\n")
	} else {
		row(columns...)
		b.WriteString(strings.Repeat("|---", len(columns)) + "|\n")
	}
	for _, l := range lines {
		cells := []string{nothing, l.ID, l.Type, o.Region}
		if l.Name != "" {
			cells[0] = plain(l.Name)
		}
		switch {
		case o.Currency == "":
		case l.Cost == nil:
			cells = append(cells, nothing, nothing)
		default:
			cells = append(cells, money(l.Cost.Running), money(l.Cost.Stopped))
		}
		row(cells...)
	}
	// A row of the table takes about two thirds of a unit.
	height := min(maxHeader, 3+(2*len(lines)+2)/3)
	return widget{Type: "text", Width: grid, Height: height, Properties: text{Markdown: b.String(), Background: "transparent"}}
}

// nothing stands where nothing is known.
const nothing = "–"

// money is an amount to the hundredth, and smaller ones to the thousandth.
func money(v float64) string {
	if v < 0.1 {
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
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
