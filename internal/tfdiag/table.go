package tfdiag

import (
	"fmt"
	"strings"
)

// WarningTable is the table of warnings as Markdown, for the documentation.
func WarningTable() string {
	var b strings.Builder
	b.WriteString("| Code | Warning | When |\n|---|---|---|\n")
	for _, w := range warnings {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", w.Code, w.Summary, w.Meaning)
	}
	return b.String()
}
