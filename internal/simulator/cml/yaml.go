package cml

import (
	"encoding/json"
	"fmt"
	"strings"
)

// parseYAML reads the part of YAML in which cloud-config documents are written:
// block mappings and sequences, plain and quoted scalars, literal and folded
// blocks, comments, and flow collections in the form of JSON. All scalars come
// out as strings. Anchors, tags and multi-line plain scalars are errors.
func parseYAML(text string) (any, error) {
	p := &yamlParser{}
	for _, line := range strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if line == "---" {
			line = ""
		}
		p.lines = append(p.lines, line)
	}
	p.skipBlank()
	if p.done() {
		return nil, nil
	}
	if first := strings.TrimSpace(p.lines[p.at]); strings.HasPrefix(first, "{") || strings.HasPrefix(first, "[") {
		return flow(strings.Join(p.lines[p.at:], "\n"))
	}
	value, err := p.block(p.indent())
	if err != nil {
		return nil, err
	}
	if p.skipBlank(); !p.done() {
		return nil, p.errorf("does not belong to what is before it")
	}
	return value, nil
}

type yamlParser struct {
	lines []string
	at    int
}

func (p *yamlParser) done() bool { return p.at >= len(p.lines) }

// errorf names the line but does not show it: it may hold a password.
func (p *yamlParser) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d %s", p.at+1, fmt.Sprintf(format, args...))
}

// skipBlank passes empty lines and comments.
func (p *yamlParser) skipBlank() {
	for !p.done() {
		line := strings.TrimSpace(p.lines[p.at])
		if line != "" && !strings.HasPrefix(line, "#") {
			return
		}
		p.at++
	}
}

func (p *yamlParser) indent() int { return indentOf(p.lines[p.at]) }

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// block reads the collection whose entries stand at the indentation.
func (p *yamlParser) block(indent int) (any, error) {
	if isItem(p.lines[p.at][indent:]) {
		return p.sequence(indent)
	}
	return p.mapping(indent)
}

func isItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

func (p *yamlParser) sequence(indent int) (any, error) {
	out := []any{}
	for {
		p.skipBlank()
		if p.done() || p.indent() != indent || !isItem(p.lines[p.at][indent:]) {
			return out, nil
		}
		rest := p.lines[p.at][indent+1:]
		inner := strings.TrimLeft(rest, " ")
		if _, _, isKey := splitKey(inner); isKey || isItem(inner) {
			// The entry is a collection that begins on the line of its dash.
			column := len(p.lines[p.at]) - len(inner)
			p.lines[p.at] = strings.Repeat(" ", column) + inner
			value, err := p.block(column)
			if err != nil {
				return nil, err
			}
			out = append(out, value)
			continue
		}
		value, err := p.value(inner, indent)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
}

func (p *yamlParser) mapping(indent int) (any, error) {
	out := map[string]any{}
	for {
		p.skipBlank()
		if p.done() || p.indent() < indent {
			return out, nil
		}
		if p.indent() > indent {
			return nil, p.errorf("is indented too far")
		}
		line := p.lines[p.at][indent:]
		if isItem(line) {
			return out, nil
		}
		key, rest, isKey := splitKey(line)
		if !isKey {
			return nil, p.errorf("is no \"key: value\"")
		}
		value, err := p.value(rest, indent)
		if err != nil {
			return nil, err
		}
		out[key] = value
	}
}

// value reads what follows a key or a dash on the present line, and the lines
// that belong to it.
func (p *yamlParser) value(rest string, indent int) (any, error) {
	rest = strings.TrimSpace(rest)
	if rest == "" || strings.HasPrefix(rest, "#") {
		p.at++
		p.skipBlank()
		if p.done() {
			return nil, nil
		}
		deeper := p.indent() > indent
		if deeper || p.indent() == indent && isItem(p.lines[p.at][indent:]) {
			return p.block(p.indent())
		}
		return nil, nil
	}
	switch rest[0] {
	case '|', '>':
		return p.literal(rest, indent), nil
	case '{', '[':
		// flow collections may go on for lines, until they are complete
		text := rest
		for {
			value, err := flow(text)
			p.at++
			if err == nil {
				return value, nil
			}
			if p.done() || p.at < len(p.lines) && strings.TrimSpace(p.lines[p.at]) != "" && p.indent() < indent {
				return nil, fmt.Errorf("flow collection: %w", err)
			}
			text += "\n" + p.lines[p.at]
		}
	case '&', '*', '!':
		return nil, p.errorf("uses anchors or tags, which are not understood here")
	}
	value, err := scalar(rest)
	if err != nil {
		return nil, p.errorf("%v", err)
	}
	p.at++
	return value, nil
}

// literal reads a block scalar. Folding joins lines by blanks.
func (p *yamlParser) literal(header string, indent int) string {
	p.at++
	var lines []string
	inner := -1
	for ; !p.done(); p.at++ {
		line := p.lines[p.at]
		if strings.TrimSpace(line) == "" {
			lines = append(lines, "")
			continue
		}
		if indentOf(line) <= indent {
			break
		}
		if inner < 0 {
			inner = indentOf(line)
		}
		lines = append(lines, line[min(inner, indentOf(line)):])
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	separator := "\n"
	if header[0] == '>' {
		separator = " "
	}
	text := strings.Join(lines, separator)
	if !strings.Contains(header, "-") {
		text += "\n"
	}
	return text
}

// splitKey splits "key: value"; the key may be quoted.
func splitKey(line string) (key, rest string, ok bool) {
	if line == "" || strings.ContainsRune("{[#|>", rune(line[0])) {
		return "", "", false
	}
	if quote := line[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(line[1:], quote)
		if end < 0 {
			return "", "", false
		}
		key, line = line[1:end+1], strings.TrimLeft(line[end+2:], " ")
		if !strings.HasPrefix(line, ":") {
			return "", "", false
		}
		return key, line[1:], true
	}
	if key, found := strings.CutSuffix(line, ":"); found {
		return strings.TrimSpace(key), "", true
	}
	key, rest, ok = strings.Cut(line, ": ")
	return strings.TrimSpace(key), rest, ok
}

func scalar(text string) (any, error) {
	switch text[0] {
	case '"':
		end := len(text)
		for end > 1 { // a comment may follow
			var value string
			if json.Unmarshal([]byte(text[:end]), &value) == nil {
				return value, nil
			}
			end--
		}
		return nil, fmt.Errorf("has a string that does not end")
	case '\'':
		body := strings.ReplaceAll(text[1:], "''", "\x00")
		end := strings.IndexByte(body, '\'')
		if end < 0 {
			return nil, fmt.Errorf("has a string that does not end")
		}
		return strings.ReplaceAll(body[:end], "\x00", "'"), nil
	}
	if comment := strings.Index(text, " #"); comment >= 0 {
		text = text[:comment]
	}
	return strings.TrimSpace(text), nil
}

// flow reads a flow collection in the form of JSON, with scalars as strings.
func flow(text string) (any, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return stringify(value), nil
}

func stringify(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, inner := range v {
			v[name] = stringify(inner)
		}
		return v
	case []any:
		for i, inner := range v {
			v[i] = stringify(inner)
		}
		return v
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return value
}
