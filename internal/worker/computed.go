package worker

import (
	"context"
	"reflect"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// class says when a computed attribute may change, and so when a plan shows it
// as unknown.
type class int

const (
	// fixed never changes while the machine lives.
	fixed class = iota
	// powerBound changes with a restart of the machine.
	powerBound
	// addressBound changes with a restart and with a change of addressing.
	addressBound
	// observed changes only by Read.
	observed
	// priced is observed, too, and unknown where the plan changes what the
	// worker costs.
	priced
	// derived is worked out at plan from configuration and state, by rules of
	// its own (plan.go).
	derived
)

// computedClasses is the one table of computed attributes. waitBound names
// those that a pending readiness wait makes unknown as well.
var computedClasses = map[string]class{
	"id":                   fixed,
	"arn":                  fixed,
	"account_id":           fixed,
	"subnet_id":            fixed,
	"vpc_id":               fixed,
	"availability_zone":    fixed,
	"network_interface_id": fixed,
	"private_ip":           fixed,
	"private_dns":          fixed,
	"root_volume_id":       fixed,
	"spot_request_id":      fixed,
	"ami_name":             fixed,
	"ami_cml_version":      fixed,

	"instance_state": powerBound,
	"status":         powerBound,
	"service_status": powerBound,
	"connectable":    powerBound,
	"launch_time":    powerBound,
	"cml_version":    powerBound,
	"cml_ready":      powerBound,

	"nested_virtualization_active": powerBound,

	"public_ip":  addressBound,
	"public_dns": addressBound,
	"address":    addressBound,
	"url":        addressBound,
	"revision":   addressBound,

	"newer_ami_id":      observed,
	"newer_ami_version": observed,

	"state_reason": observed,

	"license_status":     observed,
	"license_expires_at": observed,

	"hourly_cost_estimate": priced,

	"ipv6_address":          derived,
	"eip_allocation_id":     derived,
	"nested_virtualization": derived,
	"region":                derived,
	"ami_id":                derived,
	"ami_filter":            derived,
	"expected_cml_version":  derived,
	"instance_types":        derived,
	"subnet_ids":            derived,
	"iam_instance_profile":  derived,
	"readiness":             derived,
	"key_name":              derived,
	"instance_type":         derived,
	"security_group_ids":    derived,
	"network":               derived,
	"controller":            derived,
	"root_volume":           derived,
	"metadata_options":      derived,
	"monitoring":            derived,
	"tags_all":              derived,
	"managed_tags":          derived,
}

// waitBound are the attributes that a pending readiness wait makes unknown.
var waitBound = map[string]bool{
	"service_status": true, "connectable": true, "cml_version": true, "cml_ready": true,
}

// fields calls visit with each attribute of the model that is a plain
// framework value, by its name in the schema.
func fields(m *model, visit func(name string, value reflect.Value)) {
	v := reflect.ValueOf(m).Elem()
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("tfsdk"), ",")
		visit(name, v.Field(i))
	}
}

// keepComputed puts the prior values of the computed attributes into the plan,
// and unknown where the plan changes what they depend on.
func keepComputed(plan, state *model, restart, addressing, waiting, costs bool) {
	prior := map[string]reflect.Value{}
	fields(state, func(name string, v reflect.Value) { prior[name] = v })
	fields(plan, func(name string, v reflect.Value) {
		c, ok := computedClasses[name]
		if !ok || c == derived {
			return
		}
		unknown := (restart && (c == powerBound || c == addressBound)) ||
			(addressing && c == addressBound) || (waiting && waitBound[name]) || (costs && c == priced)
		if unknown {
			v.Set(unknownOf(v.Interface().(attr.Value)))
			return
		}
		v.Set(prior[name])
	})
}

// allUnknown marks every computed attribute that has no rule of its own as
// unknown: nothing of a machine that does not exist yet is known.
func allUnknown(plan *model) {
	fields(plan, func(name string, v reflect.Value) {
		if c, ok := computedClasses[name]; ok && c != derived {
			v.Set(unknownOf(v.Interface().(attr.Value)))
		}
	})
}

// unknownOf returns the unknown value of the same type.
func unknownOf(v attr.Value) reflect.Value {
	ctx := context.Background()
	switch t := v.(type) {
	case types.String:
		return reflect.ValueOf(types.StringUnknown())
	case types.Bool:
		return reflect.ValueOf(types.BoolUnknown())
	case types.Int64:
		return reflect.ValueOf(types.Int64Unknown())
	case types.Float64:
		return reflect.ValueOf(types.Float64Unknown())
	case types.Map:
		return reflect.ValueOf(types.MapUnknown(t.ElementType(ctx)))
	case types.List:
		return reflect.ValueOf(types.ListUnknown(t.ElementType(ctx)))
	case types.Set:
		return reflect.ValueOf(types.SetUnknown(t.ElementType(ctx)))
	case types.Object:
		return reflect.ValueOf(types.ObjectUnknown(t.AttributeTypes(ctx)))
	}
	panic("worker: no unknown value for " + v.Type(ctx).String())
}

// fillUnknown gives each unknown value of the plan the value that was read
// back; what the plan shows as known stays exactly as planned.
func fillUnknown(plan, read *model) {
	from := map[string]reflect.Value{}
	fields(read, func(name string, v reflect.Value) { from[name] = v })
	fields(plan, func(name string, v reflect.Value) {
		if value, ok := v.Interface().(attr.Value); ok {
			v.Set(reflect.ValueOf(fill(value, from[name].Interface().(attr.Value))))
		}
	})
}

// fill returns read for an unknown value, and an object with its unknown
// members filled; everything else comes back as it is.
func fill(planned, read attr.Value) attr.Value {
	if planned.IsUnknown() {
		return read
	}
	o, ok := planned.(types.Object)
	if !ok || planned.IsNull() {
		return planned
	}
	from, _ := read.(types.Object)
	members := o.Attributes()
	for name, v := range members {
		if r, ok := from.Attributes()[name]; ok {
			members[name] = fill(v, r)
		} else {
			members[name] = nullify(v)
		}
	}
	return types.ObjectValueMust(o.AttributeTypes(context.Background()), members)
}

// nullUnknown turns what is still unknown into null, for a state that is
// written before everything was read.
func nullUnknown(m *model) {
	fields(m, func(_ string, v reflect.Value) {
		if value, ok := v.Interface().(attr.Value); ok {
			v.Set(reflect.ValueOf(nullify(value)))
		}
	})
}

func nullify(v attr.Value) attr.Value {
	ctx := context.Background()
	if !v.IsUnknown() {
		if o, ok := v.(types.Object); ok && !v.IsNull() {
			members := o.Attributes()
			for name, member := range members {
				members[name] = nullify(member)
			}
			return types.ObjectValueMust(o.AttributeTypes(ctx), members)
		}
		return v
	}
	switch t := v.(type) {
	case types.String:
		return types.StringNull()
	case types.Bool:
		return types.BoolNull()
	case types.Int64:
		return types.Int64Null()
	case types.Float64:
		return types.Float64Null()
	case types.Map:
		return types.MapNull(t.ElementType(ctx))
	case types.List:
		return types.ListNull(t.ElementType(ctx))
	case types.Set:
		return types.SetNull(t.ElementType(ctx))
	case types.Object:
		return types.ObjectNull(t.AttributeTypes(ctx))
	}
	return v
}
