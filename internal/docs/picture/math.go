package picture

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
)

// evaluate computes an expression of CloudWatch's metric math, of which it knows
// + - * / < >, lists, SUM, PERIOD, FILL and IF.
func evaluate(expression string, known map[string][]float64, period float64) (out []float64, err error) {
	p := &parser{known: known, period: period, words: word.FindAllString(expression, -1)}
	defer func() {
		if problem := recover(); problem != nil {
			e, ok := problem.(syntax)
			if !ok {
				panic(problem)
			}
			out, err = nil, errors.New(string(e))
		}
	}()
	v := p.comparison()
	if len(p.words) > 0 {
		p.fail("%q is too much", p.words[0])
	}
	return p.one(v), nil
}

var word = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_]*|\d+(?:\.\d+)?|\S`)

// syntax is what an expression has that nobody knows here.
type syntax string

// value is one series, or several of a list.
type value [][]float64

type parser struct {
	known  map[string][]float64
	period float64
	words  []string
}

func (p *parser) fail(format string, values ...any) { panic(syntax(fmt.Sprintf(format, values...))) }

// take goes on if the next word is one of these, and says which.
func (p *parser) take(words ...string) string {
	if len(p.words) == 0 || !slices.Contains(words, p.words[0]) {
		return ""
	}
	w := p.words[0]
	p.words = p.words[1:]
	return w
}

func (p *parser) want(w string) {
	if p.take(w) == "" {
		p.fail("no %q before %q", w, p.words)
	}
}

func (p *parser) one(v value) []float64 {
	if len(v) != 1 {
		p.fail("a list of %d where one series is needed", len(v))
	}
	return v[0]
}

// binary reads operands that these operators join.
func (p *parser) binary(operand func() value, operators map[string]func(a, b float64) float64) value {
	left := operand()
	for {
		names := make([]string, 0, len(operators))
		for name := range operators {
			names = append(names, name)
		}
		name := p.take(names...)
		if name == "" {
			return left
		}
		a, b := p.one(left), p.one(operand())
		out := make([]float64, Points)
		for i := range out {
			out[i] = operators[name](a[i], b[i])
		}
		left = value{out}
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (p *parser) comparison() value {
	return p.binary(p.sum, map[string]func(a, b float64) float64{
		"<": func(a, b float64) float64 { return truth(a < b) }, ">": func(a, b float64) float64 { return truth(a > b) }})
}

func (p *parser) sum() value {
	return p.binary(p.product, map[string]func(a, b float64) float64{
		"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b }})
}

func (p *parser) product() value {
	return p.binary(p.factor, map[string]func(a, b float64) float64{
		"*": func(a, b float64) float64 { return a * b }, "/": func(a, b float64) float64 { return a / b }})
}

func (p *parser) factor() value {
	if p.take("(") != "" {
		v := p.comparison()
		p.want(")")
		return v
	}
	if p.take("[") != "" {
		v := value{p.one(p.comparison())}
		for p.take(",") != "" {
			v = append(v, p.one(p.comparison()))
		}
		p.want("]")
		return v
	}
	if len(p.words) == 0 {
		p.fail("it ends too early")
	}
	w := p.words[0]
	p.words = p.words[1:]
	if n, err := strconv.ParseFloat(w, 64); err == nil {
		return value{slices.Repeat([]float64{n}, Points)}
	}
	if v, ok := p.known[w]; ok {
		return value{v}
	}
	p.want("(")
	arguments := []value{p.comparison()}
	for p.take(",") != "" {
		arguments = append(arguments, p.comparison())
	}
	p.want(")")
	return p.call(w, arguments)
}

func (p *parser) call(name string, arguments []value) value {
	need := map[string]int{"PERIOD": 1, "SUM": 1, "FILL": 2, "IF": 3}[name]
	if len(arguments) != need {
		p.fail("%s with %d arguments", name, len(arguments))
	}
	out := slices.Repeat([]float64{math.NaN()}, Points)
	for i := range out {
		switch name {
		case "PERIOD":
			out[i] = p.period
		case "SUM": // passes over what has no value
			for _, s := range arguments[0] {
				switch v := s[i]; {
				case math.IsNaN(out[i]):
					out[i] = v
				case !math.IsNaN(v):
					out[i] += v
				}
			}
		case "FILL":
			if out[i] = p.one(arguments[0])[i]; math.IsNaN(out[i]) {
				out[i] = p.one(arguments[1])[i]
			}
		case "IF":
			if p.one(arguments[0])[i] != 0 {
				out[i] = p.one(arguments[1])[i]
			} else {
				out[i] = p.one(arguments[2])[i]
			}
		}
	}
	return value{out}
}
