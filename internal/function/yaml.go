package function

import (
	"fmt"
	"strings"
)

// pair is one entry of a YAML mapping. The value is a string, a bool, a
// []string (written on one line), a mapping ([]pair) or a sequence of mappings
// and scalars ([]any).
type pair struct {
	key   string
	value any
}

// writeMapping writes a mapping in the order of its entries, one a line.
//
// Every string is written in double quotes, with the escapes that YAML 1.1
// (which cloud-init reads), YAML 1.2 and JSON have in common. So no string can
// be mistaken for a number, a date, a truth value or a piece of structure.
func writeMapping(b *strings.Builder, indent int, pairs []pair) {
	for i, p := range pairs {
		if i > 0 {
			margin(b, indent)
		}
		b.WriteString(p.key + ":")
		switch v := p.value.(type) {
		case []pair:
			b.WriteByte('\n')
			margin(b, indent+2)
			writeMapping(b, indent+2, v)
		case []any:
			b.WriteByte('\n')
			for _, item := range v {
				margin(b, indent+2)
				b.WriteString("- ")
				if m, ok := item.([]pair); ok {
					writeMapping(b, indent+4, m)
					continue
				}
				b.WriteString(scalar(item) + "\n")
			}
		default:
			b.WriteString(" " + scalar(v) + "\n")
		}
	}
}

func margin(b *strings.Builder, indent int) { b.WriteString(strings.Repeat(" ", indent)) }

func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return quoted(v)
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = quoted(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(value) // bool
}

// quoted is the string in double quotes. Escaped is what YAML does not allow
// as it is (YAML 1.1, section 5.1, "Character Set": controls, surrogates, the
// last two of a plane) and what it takes for a line break.
func quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ', r >= 0x7f && r <= 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
