package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

var _ resource.ResourceWithMoveState = (*Resource)(nil)

// MoveState implements resource.ResourceWithMoveState: a `moved` block adopts
// an instance of the aws provider. It runs in a provider that is not
// configured, so it asks nobody: Read fills in what is left out.
func (r *Resource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: moveInstance}}
}

// awsInstance is what is taken over from a state of aws_instance. The rest is
// not looked at, so that neither its schema version (1 up to version 5 of that
// provider, 2 since) nor an attribute that comes or goes matters.
type awsInstance struct {
	ID     string `json:"id"`
	ARN    string `json:"arn"`
	Region string `json:"region"` // since version 6
	// Tags without those of default_tags, TagsAll with them.
	Tags    map[string]*string `json:"tags"`
	TagsAll map[string]*string `json:"tags_all"`
}

var instanceID = regexp.MustCompile(`^i-[0-9a-f]+$`)

func moveInstance(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	if req.SourceTypeName != "aws_instance" || !strings.HasSuffix(req.SourceProviderAddress, "/hashicorp/aws") {
		return
	}
	var from awsInstance
	if req.SourceRawState == nil || json.Unmarshal(req.SourceRawState.JSON, &from) != nil || !instanceID.MatchString(from.ID) {
		resp.Diagnostics.AddError("Unable to move aws_instance to cml_worker", fmt.Sprintf(
			"The state of the aws_instance (schema version %d) names no instance id. Import the worker instead: remove the moved block, take the aws_instance out of the state with `terraform state rm`, and use an import block with the instance id.",
			req.SourceSchemaVersion))
		return
	}
	region, account := fromARN(from.ARN)
	if from.Region != "" {
		region = from.Region
	}
	moved := identity{ID: types.StringValue(from.ID), Region: attribute.String(region), AccountID: attribute.String(account)}
	name, tags := splitName(from)
	set := func(attribute string, value any) {
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(attribute), value)...)
	}
	set("id", moved.ID)
	set("region", moved.Region)
	set("account_id", moved.AccountID)
	set("arn", attribute.String(from.ARN))
	set("name", attribute.String(name))
	if len(tags) > 0 {
		set("tags", attribute.StringMap(tags))
	}
	// An identity may not change later, so that a part of one is worse than none.
	if resp.TargetIdentity == nil || moved.Region.IsNull() || moved.AccountID.IsNull() {
		resp.TargetIdentity = nil
		return
	}
	resp.Diagnostics.Append(resp.TargetIdentity.Set(ctx, moved)...)
}

// fromARN takes region and account out of an instance's ARN,
// arn:PARTITION:ec2:REGION:ACCOUNT:instance/ID; "" where there is none.
func fromARN(arn string) (region, account string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return "", ""
	}
	return parts[3], parts[4]
}

// splitName takes the tag Name, which is an argument of its own, out of the
// tags. The name may come from default_tags.
func splitName(from awsInstance) (name string, tags map[string]string) {
	tags = map[string]string{}
	for k, v := range from.Tags {
		if v != nil {
			tags[k] = *v
		}
	}
	name = tags["Name"]
	delete(tags, "Name")
	if v := from.TagsAll["Name"]; name == "" && v != nil {
		name = *v
	}
	return name, tags
}

// refuseUnread ends a plan for a worker that was moved and not read since:
// against a state that knows next to nothing, everything would look like a
// change, a replacement even.
func refuseUnread(state *model, diags *diag.Diagnostics) {
	if state == nil || !state.InstanceState.IsNull() || !state.AMIID.IsNull() {
		return
	}
	diags.AddError("Worker was not read yet", fmt.Sprintf(
		"Worker %s was moved into this resource, and nothing but its id and name is known yet. Plan without -refresh=false, and with a provider configuration that is known at plan.", state.ID.ValueString()))
}
