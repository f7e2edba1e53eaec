package controller

import (
	"encoding/json"
	"fmt"
	"math"
)

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
