package controller

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Number is a number that may come as a text. Where it is a pointer, null and a
// member that is left out are nil.
type Number float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		return json.Unmarshal(data, (*float64)(n))
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(value) || math.IsInf(value, 0) {
		return fmt.Errorf("%s is no number", data)
	}
	*n = Number(value)
	return nil
}

// Whole is a whole number. Releases differ in whether they send one with a
// fraction of zero, which Go refuses to read into an int (cml-api.md 4.2).
type Whole int

// UnmarshalJSON implements json.Unmarshaler. null leaves the number as it is.
func (w *Whole) UnmarshalJSON(data []byte) error {
	var n *float64
	if err := json.Unmarshal(data, &n); err != nil || n == nil {
		return err
	}
	if *n != math.Trunc(*n) || math.Abs(*n) > math.MaxInt32 {
		return fmt.Errorf("%s is no whole number", data)
	}
	*w = Whole(*n)
	return nil
}
