package cml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// kind is the JSON type a schema asks for.
type kind int

const (
	stringKind kind = iota
	boolKind
	integerKind
	objectKind
	listKind
)

// schema describes a value of a request body. Objects forbid members that they
// do not name (cml-api.md 1).
type schema struct {
	kind     kind
	optional bool // as a member of an object
	nullable bool
	// of strings, in characters; zero maxLength: no limit
	minLength, maxLength int
	pattern              *regexp.Regexp
	values               []string
	// of integers; of lists their length, where zero max means no limit
	min, max int
	members  map[string]schema
	items    *schema
}

// decode reads the body by the schema. Numbers arrive as int, the rest as
// encoding/json would give it.
func (c *call) decode(want schema) (any, *apiError) {
	decoder := json.NewDecoder(bytes.NewReader(c.body))
	decoder.UseNumber()
	var got any
	if err := decoder.Decode(&got); err != nil {
		return nil, invalid(problem{[]any{"body"}, "json_invalid", "JSON decode error"})
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, invalid(problem{[]any{"body"}, "json_invalid", "JSON decode error"})
	}
	value, problems := want.check(got, []any{"body"})
	if problems != nil {
		return nil, invalid(problems...)
	}
	return value, nil
}

// object reads a body that must be an object.
func (c *call) object(members map[string]schema) (map[string]any, *apiError) {
	value, err := c.decode(schema{kind: objectKind, members: members})
	if err != nil {
		return nil, err
	}
	return value.(map[string]any), nil
}

func (s schema) check(got any, at []any) (any, []problem) {
	wrong := func(kind, format string, args ...any) []problem {
		return []problem{{slices.Clone(at), kind, fmt.Sprintf(format, args...)}}
	}
	if got == nil && s.nullable {
		return nil, nil
	}
	switch s.kind {
	case stringKind:
		text, is := got.(string)
		if !is {
			return nil, wrong("string_type", "Input should be a valid string")
		}
		return text, s.checkString(text, wrong)
	case boolKind:
		if _, is := got.(bool); !is {
			return nil, wrong("bool_type", "Input should be a valid boolean")
		}
		return got, nil
	case integerKind:
		number, is := got.(json.Number)
		if !is {
			return nil, wrong("int_type", "Input should be a valid integer")
		}
		n, err := strconv.Atoi(string(number))
		switch {
		case err != nil:
			return nil, wrong("int_type", "Input should be a valid integer")
		case n < s.min:
			return nil, wrong("greater_than_equal", "Input should be greater than or equal to %d", s.min)
		case n > s.upper():
			return nil, wrong("less_than_equal", "Input should be less than or equal to %d", s.max)
		}
		return n, nil
	case listKind:
		list, is := got.([]any)
		if !is {
			return nil, wrong("list_type", "Input should be a valid list")
		}
		if len(list) < s.min || len(list) > s.upper() {
			return nil, wrong("list_length", "List should have between %d and %d items", s.min, s.max)
		}
		return s.checkList(list, at)
	default:
		object, is := got.(map[string]any)
		if !is {
			return nil, wrong("dict_type", "Input should be a valid dictionary or object")
		}
		return s.checkObject(object, at)
	}
}

func (s schema) upper() int {
	if s.max == 0 {
		return math.MaxInt
	}
	return s.max
}

func (s schema) checkString(text string, wrong func(string, string, ...any) []problem) []problem {
	length := utf8.RuneCountInString(text)
	switch {
	case length < s.minLength:
		return wrong("string_too_short", "String should have at least %d characters", s.minLength)
	case s.maxLength > 0 && length > s.maxLength:
		return wrong("string_too_long", "String should have at most %d characters", s.maxLength)
	case s.pattern != nil && !s.pattern.MatchString(text):
		return wrong("string_pattern_mismatch", "String should match pattern '%s'", s.pattern)
	case s.values != nil && !slices.Contains(s.values, text):
		return wrong("enum", "Input should be one of %v", s.values)
	}
	return nil
}

func (s schema) checkList(list []any, at []any) (any, []problem) {
	out := make([]any, len(list))
	var problems []problem
	for i, item := range list {
		value, wrong := s.items.check(item, append(slices.Clone(at), i))
		out[i] = value
		problems = append(problems, wrong...)
	}
	return out, problems
}

func (s schema) checkObject(object map[string]any, at []any) (any, []problem) {
	out := map[string]any{}
	var problems []problem
	for _, name := range slices.Sorted(maps.Keys(s.members)) {
		member := s.members[name]
		got, present := object[name]
		here := append(slices.Clone(at), name)
		if !present {
			if !member.optional {
				problems = append(problems, problem{here, "missing", "Field required"})
			}
			continue
		}
		value, wrong := member.check(got, here)
		out[name] = value
		problems = append(problems, wrong...)
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := s.members[name]; !known {
			problems = append(problems, problem{append(slices.Clone(at), name), "extra_forbidden", "Extra inputs are not permitted"})
		}
	}
	return out, problems
}
