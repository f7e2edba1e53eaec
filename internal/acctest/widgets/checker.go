package widgets

import (
	"fmt"
	"math"
	"slices"
)

// checker collects what is wrong.
type checker struct{ all []error }

func (c *checker) wrong(at, format string, values ...any) {
	c.all = append(c.all, fmt.Errorf(at+": "+format, values...))
}

// object is an object that has no other members than these.
func (c *checker) object(at string, v any, members ...string) map[string]any {
	o, ok := v.(map[string]any)
	if !ok {
		c.wrong(at, "must be an object")
		return map[string]any{}
	}
	for name := range o {
		if !slices.Contains(members, name) {
			c.wrong(at, "there is no %q in the documentation", name)
		}
	}
	return o
}

func (c *checker) text(at string, o map[string]any, name string) (string, bool) {
	v, given := o[name]
	s, ok := v.(string)
	if given && !ok {
		c.wrong(at, "%s must be a text", name)
	}
	return s, given
}

func (c *checker) oneOf(at string, o map[string]any, name string, allowed ...string) {
	if s, given := c.text(at, o, name); given && !slices.Contains(allowed, s) {
		c.wrong(at, "%s is %q", name, s)
	}
}

func (c *checker) color(at string, o map[string]any) string {
	s, given := c.text(at, o, "color")
	if given && !color.MatchString(s) {
		c.wrong(at, "color %q", s)
	}
	return s
}

func (c *checker) flag(at string, o map[string]any, name string, otherwise bool) bool {
	v, given := o[name]
	if !given {
		return otherwise
	}
	b, ok := v.(bool)
	if !ok {
		c.wrong(at, "%s must be true or false", name)
	}
	return b
}

func (c *checker) number(at string, o map[string]any, name string) (float64, bool) {
	v, given := o[name]
	f, ok := v.(float64)
	if given && !ok {
		c.wrong(at, "%s must be a number", name)
	}
	return f, given
}

func (c *checker) integer(at string, o map[string]any, name string, low, high, otherwise int) int {
	f, given := c.number(at, o, name)
	if !given {
		return otherwise
	}
	if f != math.Trunc(f) || f < float64(low) || f > float64(high) {
		c.wrong(at, "%s is %g", name, f)
	}
	return int(f)
}

func (c *checker) period(at string, o map[string]any, otherwise int) int {
	n := c.integer(at, o, "period", 60, math.MaxInt32, otherwise)
	if n%60 != 0 {
		c.wrong(at, "period %d", n)
	}
	return n
}

func (c *checker) statistic(at string, o map[string]any, otherwise string) string {
	s, given := c.text(at, o, "stat")
	if !given {
		return otherwise
	}
	if !stat.MatchString(s) {
		c.wrong(at, "stat %q", s)
	}
	return s
}
