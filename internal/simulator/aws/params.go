package aws

import (
	"net/url"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// params reads the flattened parameters of the query protocols: "InstanceId.1",
// "TagSpecification.1.Tag.2.Key".
type params struct {
	values url.Values
	prefix string
}

func (p params) get(name string) string { return p.values.Get(p.prefix + name) }

func (p params) has(name string) bool { return p.values.Has(p.prefix + name) }

// hasAny reports whether the name or anything below it is given.
func (p params) hasAny(name string) bool {
	name = p.prefix + name
	for key := range p.values {
		if key == name || strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func (p params) bool(name string) bool { return p.get(name) == "true" }

// number returns a numeric parameter, fallback when it is not given.
func (p params) number(name string, fallback int) (int, *APIError) {
	if !p.has(name) {
		return fallback, nil
	}
	n, err := strconv.Atoi(p.get(name))
	if err != nil {
		return 0, refuse("InvalidParameterValue", "Value (%s) for parameter %s is invalid. Expecting an integer.", p.get(name), name)
	}
	return n, nil
}

func (p params) required(names ...string) *APIError {
	for _, name := range names {
		if p.get(name) == "" {
			return missingParameter(name)
		}
	}
	return nil
}

// choice refuses a value that is given and not among the allowed ones.
func (p params) choice(name string, allowed ...string) *APIError {
	if !p.has(name) {
		return nil
	}
	for _, a := range allowed {
		if p.get(name) == a {
			return nil
		}
	}
	return refuse("InvalidParameterValue", "Value (%s) for parameter %s is invalid. Expected one of: %s.",
		p.get(name), p.prefix+name, strings.Join(allowed, ", "))
}

// list returns the scalar members of a list in their order.
func (p params) list(name string) []string {
	var out []string
	for _, i := range p.indexes(name) {
		out = append(out, p.get(name+"."+strconv.Itoa(i)))
	}
	return out
}

// structs returns the structure members of a list in their order.
func (p params) structs(name string) []params {
	var out []params
	for _, i := range p.indexes(name) {
		out = append(out, p.sub(name+"."+strconv.Itoa(i)))
	}
	return out
}

func (p params) sub(name string) params {
	return params{values: p.values, prefix: p.prefix + name + "."}
}

func (p params) indexes(name string) []int {
	prefix := p.prefix + name + "."
	seen := map[int]bool{}
	for key := range p.values {
		rest, ok := strings.CutPrefix(key, prefix)
		if !ok {
			continue
		}
		first, _, _ := strings.Cut(rest, ".")
		if i, err := strconv.Atoi(first); err == nil {
			seen[i] = true
		}
	}
	out := make([]int, 0, len(seen))
	for i := range seen {
		out = append(out, i)
	}
	sort.Ints(out)
	return out
}

var memberIndex = regexp.MustCompile(`\.\d+(\.|$)`)

// checkKnown refuses parameters that are not among the space-separated patterns, in which
// "#" stands for an index. EC2 refuses unknown ones ("UnknownParameter"); here this also
// keeps parameters that are known to EC2 but not simulated from being ignored in silence.
func (p params) checkKnown(patterns string) *APIError {
	known := map[string]bool{"Action": true, "Version": true, "DryRun": true}
	for _, pattern := range strings.Fields(patterns) {
		known[pattern] = true
	}
	for _, key := range sortedKeys(p.values) {
		name := key
		for memberIndex.MatchString(name) {
			name = memberIndex.ReplaceAllString(name, ".#$1")
		}
		if !known[name] && !strings.HasPrefix(name, "X-Amz-") {
			return refuse("UnknownParameter", "The parameter %s is not recognized", key)
		}
	}
	return nil
}
