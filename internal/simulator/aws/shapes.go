package aws

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A service that speaks several protocols has one structure for each input and output, with
// the members' names of the service model: pointers for what may be absent, slices for
// lists. This file reads and writes them as CBOR, JSON and the query protocol.

// instant is a time: tag 1 with seconds in CBOR, seconds in JSON, ISO 8601 in the query
// protocol (Smithy, "timestampFormat" and the protocols' own pages).
type instant struct{ time.Time }

// at is an instant as an optional member, nil for the zero time.
func at(t time.Time) *instant {
	if t.IsZero() {
		return nil
	}
	return &instant{t}
}

func (i instant) seconds() float64 { return float64(i.UnixMilli()) / 1000 }

func fromSeconds(seconds float64) (instant, error) {
	if math.IsNaN(seconds) || math.Abs(seconds) > 1e11 {
		return instant{}, fmt.Errorf("%v is no time", seconds)
	}
	return instant{time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()}, nil
}

func (i instant) MarshalJSON() ([]byte, error) { return json.Marshal(i.seconds()) }

func (i *instant) UnmarshalJSON(data []byte) error {
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return err
	}
	var err error
	*i, err = fromSeconds(seconds)
	return err
}

// secondsTag is that of CBOR for seconds since 1970 (RFC 8949, 3.4.2).
const secondsTag = 1

func (i instant) MarshalCBOR() ([]byte, error) {
	return cbor.Marshal(cbor.Tag{Number: secondsTag, Content: i.seconds()})
}

func (i *instant) UnmarshalCBOR(data []byte) error {
	var tag cbor.RawTag
	if err := cbor.Unmarshal(data, &tag); err != nil {
		return err
	}
	if tag.Number != secondsTag {
		return fmt.Errorf("a time has tag %d, not 1", tag.Number)
	}
	var seconds float64
	if err := cbor.Unmarshal(tag.Content, &seconds); err != nil {
		return err
	}
	var err error
	*i, err = fromSeconds(seconds)
	return err
}

// strictCBOR refuses members that a structure does not have, as input does for JSON.
var strictCBOR = func() cbor.DecMode {
	mode, err := cbor.DecOptions{ExtraReturnErrors: cbor.ExtraDecErrorUnknownField, FieldNameMatching: cbor.FieldNameMatchingCaseSensitive}.DecMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// fillQuery reads the members of a structure from the parameters of the query protocol:
// lists are "Name.member.1", or "Name.1" where the model flattens them, which it does not
// here (AWS query protocol, "Collection serialization"). It refuses parameters of other names.
func fillQuery(values url.Values, into any) error {
	used := map[string]bool{"Action": true, "Version": true}
	if err := fillStruct(params{values: values}, reflect.ValueOf(into).Elem(), used); err != nil {
		return err
	}
	for name := range values {
		if !used[name] && !strings.HasPrefix(name, "X-Amz-") {
			return fmt.Errorf("the parameter %s is not recognized", name)
		}
	}
	return nil
}

func fillStruct(p params, target reflect.Value, used map[string]bool) error {
	for i := range target.NumField() {
		if err := fillMember(p, target.Type().Field(i).Name, target.Field(i), used); err != nil {
			return err
		}
	}
	return nil
}

func fillMember(p params, name string, target reflect.Value, used map[string]bool) error {
	if !p.hasAny(name) {
		return nil
	}
	_, isTime := target.Interface().(*instant)
	switch {
	case target.Kind() == reflect.Slice:
		members := p.sub(name + ".member")
		for _, index := range p.indexes(name + ".member") {
			one := reflect.New(target.Type().Elem()).Elem()
			if err := fillMember(members, strconv.Itoa(index), one, used); err != nil {
				return err
			}
			target.Set(reflect.Append(target, one))
		}
		if p.has(name) && p.get(name) == "" { // an empty list is sent as "Name="
			used[p.prefix+name] = true
			target.Set(reflect.MakeSlice(target.Type(), 0, 0))
		}
		return nil
	case target.Kind() == reflect.Struct:
		return fillStruct(p.sub(name), target, used)
	case target.Kind() == reflect.Pointer && target.Type().Elem().Kind() == reflect.Struct && !isTime:
		target.Set(reflect.New(target.Type().Elem()))
		return fillStruct(p.sub(name), target.Elem(), used)
	}
	used[p.prefix+name] = true
	if target.Kind() == reflect.Pointer {
		target.Set(reflect.New(target.Type().Elem()))
		target = target.Elem()
	}
	if err := fillScalar(p.get(name), target); err != nil {
		return fmt.Errorf("%s%s: %w", p.prefix, name, err)
	}
	return nil
}

func fillScalar(text string, target reflect.Value) error {
	switch target.Interface().(type) {
	case string:
		target.SetString(text)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return err
		}
		target.SetBool(b)
	case int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		target.SetInt(int64(n))
	case float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return err
		}
		target.SetFloat(f)
	case instant:
		t, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return err
		}
		target.Set(reflect.ValueOf(instant{t.UTC()}))
	default:
		return fmt.Errorf("a member has the type %s", target.Type())
	}
	return nil
}

// queryNodes are the XML elements of a structure.
func queryNodes(value reflect.Value) []node {
	if value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	var out []node
	for i := range value.NumField() {
		if n, present := queryNode(value.Type().Field(i).Name, value.Field(i)); present {
			out = append(out, n)
		}
	}
	return out
}

func queryNode(name string, value reflect.Value) (node, bool) {
	switch value.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if value.IsNil() {
			return node{}, false
		}
	default:
	}
	switch v := reflect.Indirect(value).Interface().(type) {
	case instant:
		return node{name: name, text: stamp(v.Time), keep: true}, true
	case string:
		return node{name: name, text: v, keep: true}, true
	case bool, int:
		return node{name: name, text: fmt.Sprint(v)}, true
	case float64:
		return node{name: name, text: strconv.FormatFloat(v, 'g', -1, 64)}, true
	case map[string]float64:
		var entries []node
		for _, key := range sortedKeys(v) {
			entries = append(entries, group("entry", text("key", key), text("value", strconv.FormatFloat(v[key], 'g', -1, 64))))
		}
		return list(name, entries), true
	}
	if value.Kind() != reflect.Slice {
		return node{name: name, kids: queryNodes(value), keep: true}, true
	}
	members := make([]node, 0, value.Len())
	for i := range value.Len() {
		if n, present := queryNode("member", value.Index(i)); present {
			members = append(members, n)
		}
	}
	return list(name, members), true
}
