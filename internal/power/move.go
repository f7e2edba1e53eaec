package power

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

var _ resource.ResourceWithMoveState = (*Resource)(nil)

// MoveState implements resource.ResourceWithMoveState: a `moved` block takes
// over from aws_ec2_instance_state. It runs in a provider that is not
// configured, so it asks nobody: Read fills in what is left out.
func (r *Resource) MoveState(context.Context) []resource.StateMover {
	return []resource.StateMover{{StateMover: moveInstanceState}}
}

// awsInstanceState is what is taken over from a state of
// aws_ec2_instance_state. How it would stop the instance (`force`) is an
// argument of ours, for the configuration to say.
type awsInstanceState struct {
	ID         string `json:"id"`
	InstanceID string `json:"instance_id"`
	State      string `json:"state"`
	Region     string `json:"region"` // since version 6 of that provider
}

func moveInstanceState(ctx context.Context, req resource.MoveStateRequest, resp *resource.MoveStateResponse) {
	if req.SourceTypeName != "aws_ec2_instance_state" || !strings.HasSuffix(req.SourceProviderAddress, "/hashicorp/aws") {
		return
	}
	var from awsInstanceState
	readable := req.SourceRawState != nil && json.Unmarshal(req.SourceRawState.JSON, &from) == nil
	if from.InstanceID == "" {
		from.InstanceID = from.ID
	}
	if !readable || !strings.HasPrefix(from.InstanceID, "i-") {
		resp.Diagnostics.AddError("Unable to move aws_ec2_instance_state to cml_worker_power", fmt.Sprintf(
			"The state of the aws_ec2_instance_state (schema version %d) names no instance id. Remove the moved block and create the cml_worker_power anew; it changes nothing at a worker that is in the wished state already.",
			req.SourceSchemaVersion))
		return
	}
	// Anything else than a settled state is for Read to find out.
	wished := types.StringNull()
	if from.State == stateRunning || from.State == stateStopped {
		wished = types.StringValue(from.State)
	}
	for name, value := range map[string]types.String{
		"id": types.StringValue(from.InstanceID), "worker_id": types.StringValue(from.InstanceID),
		"region": attribute.String(from.Region), "state": wished,
	} {
		resp.Diagnostics.Append(resp.TargetState.SetAttribute(ctx, path.Root(name), value)...)
	}
	// As after an import: what is configured for the first time is recorded.
	writeFacts(ctx, resp.TargetPrivate, facts{Imported: true, Configured: wished.ValueString()}, &resp.Diagnostics)
	// The account is not known, and an identity may not change later: Read sets it.
	resp.TargetIdentity = nil
}
