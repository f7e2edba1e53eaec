package function

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// reader takes a value of any type apart and collects what is wrong with it:
// each problem names the member and what to write there, and no problem shows
// a value that may be a secret. Members that are null count as left out.
type reader struct {
	problems []string
	// unknown is set when a part of the value is known only after apply. What is
	// known is judged all the same.
	unknown bool
}

// problem notes what is wrong with the member; at is "" for the whole.
func (r *reader) problem(at, format string, args ...any) {
	subject := "The argument"
	if at != "" {
		subject = "`" + at + "`"
	}
	r.problems = append(r.problems, subject+" "+fmt.Sprintf(format, args...))
}

// bare is the value without wrapping, nil when it is null or unknown.
func (r *reader) bare(v attr.Value) attr.Value {
	if d, ok := v.(types.Dynamic); ok && !d.IsNull() && !d.IsUnknown() {
		v = d.UnderlyingValue()
	}
	switch {
	case v == nil || v.IsNull():
		return nil
	case v.IsUnknown():
		r.unknown = true
		return nil
	}
	return v
}

// object returns the members of an object or map, all of which must be among
// the names. nil stands for a value that is left out, unknown or wrong.
func (r *reader) object(at string, v attr.Value, names ...string) map[string]attr.Value {
	var members map[string]attr.Value
	switch o := r.bare(v).(type) {
	case nil:
		return nil
	case types.Object:
		members = o.Attributes()
	case types.Map:
		members = o.Elements()
	default:
		r.problem(at, "is %s. Write an object with the members %s.", kind(o), enumerate(names))
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(names, name) {
			r.problem(join(at, name), "is not known here. The members are %s.", enumerate(names))
		}
	}
	return members
}

// list returns the elements of a list, tuple or set.
func (r *reader) list(at string, v attr.Value, of string) []attr.Value {
	switch l := r.bare(v).(type) {
	case nil:
		return nil
	case types.List:
		return l.Elements()
	case types.Tuple:
		return l.Elements()
	case types.Set:
		return l.Elements()
	default:
		r.problem(at, "is %s. Write a list of %s: `[…]`.", kind(l), of)
		return nil
	}
}

// text returns a string, and whether there is one to judge.
func (r *reader) text(at string, v attr.Value) (string, bool) {
	switch s := r.bare(v).(type) {
	case nil:
		return "", false
	case types.String:
		return s.ValueString(), true
	default:
		// Not converted: the number 007 is 7, and a password or a file mode is not.
		r.problem(at, "is %s. Write a string, in quotes.", kind(s))
		return "", false
	}
}

// required returns a string that may not be left out of the object.
func (r *reader) required(at string, members map[string]attr.Value, name, write string) (string, bool) {
	v, at := members[name], join(at, name)
	if absent(v) {
		r.problem(at, "is missing. %s", write)
		return "", false
	}
	return r.text(at, v)
}

// absent tells a member that is left out or null; an unknown one is there.
func absent(v attr.Value) bool {
	if v == nil {
		return true
	}
	if d, ok := v.(types.Dynamic); ok && !d.IsUnknown() {
		return d.IsNull() || d.IsUnderlyingValueNull()
	}
	return v.IsNull()
}

func join(at, name string) string {
	if at == "" {
		return name
	}
	return at + "." + name
}

func enumerate(names []string) string { return "`" + strings.Join(names, "`, `") + "`" }

// kind says in users' words what a value is.
func kind(v attr.Value) string {
	switch v.(type) {
	case types.String:
		return "a string"
	case types.Number, types.Int64, types.Float64:
		return "a number"
	case types.Bool:
		return "true or false"
	case types.Object, types.Map:
		return "an object"
	case types.List, types.Tuple, types.Set:
		return "a list"
	}
	return "a value of another type"
}
