package aws

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// filterTable names the filters that an operation knows, and what a resource has to offer
// to each. Tag filters are common to all and not in the tables.
type filterTable[T any] map[string]func(T) []string

// maxFilterValues is the limit of a call ("FilterLimitExceeded", EC2 API error codes).
const maxFilterValues = 200

// filter keeps the resources that fit every filter; within one filter any value does. Values
// may hold wildcards ("List and filter your resources", User Guide).
func filter[T any](p params, known filterTable[T], tags func(T) map[string]string, all []T) ([]T, *APIError) {
	total := 0
	for _, f := range p.structs("Filter") {
		name, values := f.get("Name"), f.list("Value")
		if name == "" {
			return nil, missingParameter("Filter.Name")
		}
		if len(values) == 0 {
			return nil, refuse("InvalidParameterValue", "The filter '%s' has no value", name)
		}
		total += len(values)
		if total > maxFilterValues {
			return nil, refuse("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d", maxFilterValues)
		}
		offers, refused := filterSource(name, known, tags)
		if refused != nil {
			return nil, refused
		}
		var kept []T
		for _, v := range all {
			if anyFits(values, offers(v)) {
				kept = append(kept, v)
			}
		}
		all = kept
	}
	return all, nil
}

func filterSource[T any](name string, known filterTable[T], tags func(T) map[string]string) (func(T) []string, *APIError) {
	if offers, ok := known[name]; ok {
		return offers, nil
	}
	if tags != nil {
		if key, ok := strings.CutPrefix(name, "tag:"); ok {
			return func(v T) []string {
				if value, has := tags(v)[key]; has {
					return []string{value}
				}
				return nil
			}, nil
		}
		if name == "tag-key" {
			return func(v T) []string { return sortedKeys(tags(v)) }, nil
		}
	}
	return nil, refuse("InvalidParameterValue", "The filter '%s' is invalid", name)
}

func anyFits(patterns, values []string) bool {
	for _, value := range values {
		for _, pattern := range patterns {
			if wildcard(pattern, value) {
				return true
			}
		}
	}
	return false
}

// page returns the part of all that MaxResults and NextToken ask for, and the token of the
// next one. The smallest and largest page are those of the operation; with ids instead of
// filters, EC2 allows no paging.
func (s *Simulator) page(p params, count, smallest, largest int, idsName string) (from, to int, next node, refused *APIError) {
	size, refused := p.number("MaxResults", 0)
	if refused != nil {
		return 0, 0, node{}, refused
	}
	if size != 0 && (size < smallest || size > largest) {
		return 0, 0, node{}, refuse("InvalidParameterValue",
			"Value ( %d ) for parameter maxResults is invalid. Expecting a value between %d and %d.", size, smallest, largest)
	}
	if size != 0 && idsName != "" && p.hasAny(idsName) {
		return 0, 0, node{}, refuse("InvalidParameterCombination", "The parameter %s cannot be used with the parameter maxResults", idsName)
	}
	if size == 0 || size > s.options.PageSize {
		size = s.options.PageSize
	}
	if token := p.get("NextToken"); token != "" {
		decoded, err := base64.StdEncoding.DecodeString(token)
		offset, isPage := strings.CutPrefix(string(decoded), "page:")
		from, _ = strconv.Atoi(offset)
		if err != nil || !isPage || from <= 0 {
			return 0, 0, node{}, refuse("InvalidNextToken", "The token '%s' is invalid", token)
		}
	}
	from = min(from, count)
	to = min(from+size, count)
	if to < count {
		next = text("nextToken", base64.StdEncoding.EncodeToString([]byte("page:"+strconv.Itoa(to))))
	}
	return from, to, next, nil
}

// pageParams and filterParams are parameters that most Describe operations share.
const (
	filterParams = " Filter.#.Name Filter.#.Value.# "
	pageParams   = filterParams + " MaxResults NextToken "
)

// boolText is what filters on booleans compare with.
func boolText(b bool) []string { return []string{strconv.FormatBool(b)} }

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
