package cml

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// apiError is a refusal of the application (cml-api.md 1.2).
type apiError struct {
	status      int
	description string
	problems    []problem // of a validation error, instead of description
	bare        bool      // answer the bare description without the envelope
}

// failure is a refusal with a plain text.
func failure(status int, format string, args ...any) *apiError {
	return &apiError{status: status, description: fmt.Sprintf(format, args...)}
}

// invalid is the refusal of a request that does not fit its schema.
func invalid(problems ...problem) *apiError {
	return &apiError{status: http.StatusBadRequest, problems: problems}
}

// problem is one thing wrong with a request.
type problem struct {
	Location []any  `json:"location"`
	Type     string `json:"type"`
	Message  string `json:"message"`
}

// envelope is the body of the refusal. The order of its members varies in
// reality, so reordered puts the description first.
func (e *apiError) envelope(reordered bool, switches Switches) any {
	if e.bare {
		return e.description
	}
	var description any = e.description
	if e.problems != nil {
		document := map[string][]problem{"Input validation failed": e.problems}
		description = document
		if !switches.StructuredDescription {
			description = string(plainJSON(document))
		}
	}
	members := [2]string{
		`"code":` + strconv.Itoa(e.status),
		`"description":` + string(plainJSON(description)),
	}
	if reordered {
		members[0], members[1] = members[1], members[0]
	}
	return json.RawMessage("{" + members[0] + "," + members[1] + "}")
}

// plainJSON encodes a value without escaping for HTML.
func plainJSON(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // every value is a plain one of this package
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}
