package act

import (
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/action/schema"
	rschema "github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Needs is the sentence that ends the description of each action.
const Needs = "Needs Terraform 1.14. An action changes no Terraform state: what it did shows at the next refresh."

// Attributes returns the attributes of Head, and those of the action's own.
// limit is the default of `timeout`.
func Attributes(limit time.Duration, own map[string]schema.Attribute) map[string]schema.Attribute {
	out := map[string]schema.Attribute{
		"worker_id": schema.StringAttribute{Required: true, Validators: []validator.String{validators.InstanceID()},
			MarkdownDescription: "EC2 instance id of the worker, `cml_worker.lab.id`."},
		"region": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Region()},
			MarkdownDescription: "AWS region of the worker. Default: the provider's."},
		"timeout": schema.StringAttribute{Optional: true, Validators: []validator.String{validators.Duration(time.Second, attribute.LongestWait)},
			MarkdownDescription: fmt.Sprintf("How long the whole action may take, as in `\"90s\"` or `\"1h30m\"`. Default `%s`.", short(limit))},
	}
	maps.Copy(out, own)
	return out
}

// short writes a duration as a configuration does.
func short(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dm", d/time.Minute)
}

// Controller is the object `controller`.
func Controller() schema.Attribute {
	return Attribute(attribute.ControllerInput(false, "How to reach CML on the worker, `cml_worker.lab.controller`. What is left out comes from the managed tags of the worker, then from the provider's `controller`. It holds no secret."), nil)
}

// Attribute makes an argument of an action from that of a resource, so that
// the same thing is called and checked the same. texts replaces descriptions,
// by the names of members below it ("drain.on_busy"), "" being its own.
func Attribute(of rschema.Attribute, texts map[string]string) schema.Attribute {
	return convert(of, "", texts)
}

func convert(of rschema.Attribute, at string, texts map[string]string) schema.Attribute {
	text, ok := texts[at]
	if !ok {
		text = of.GetMarkdownDescription()
	}
	switch a := of.(type) {
	case rschema.StringAttribute:
		return schema.StringAttribute{Required: a.Required, Optional: a.Optional, Validators: a.Validators, MarkdownDescription: text}
	case rschema.BoolAttribute:
		return schema.BoolAttribute{Required: a.Required, Optional: a.Optional, Validators: a.Validators, MarkdownDescription: text}
	case rschema.Int64Attribute:
		return schema.Int64Attribute{Required: a.Required, Optional: a.Optional, Validators: a.Validators, MarkdownDescription: text}
	case rschema.ListAttribute:
		return schema.ListAttribute{Required: a.Required, Optional: a.Optional, Validators: a.Validators, ElementType: a.ElementType, MarkdownDescription: text}
	case rschema.SingleNestedAttribute:
		members := make(map[string]schema.Attribute, len(a.Attributes))
		for name, member := range a.Attributes {
			below := name
			if at != "" {
				below = at + "." + name
			}
			members[name] = convert(member, below, texts)
		}
		return schema.SingleNestedAttribute{Required: a.Required, Optional: a.Optional, Validators: a.Validators, Attributes: members, MarkdownDescription: text}
	}
	// The tests of the provider ask for every schema.
	panic(fmt.Sprintf("no action has an argument of the type %T", of))
}
