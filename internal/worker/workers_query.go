package worker

import (
	"context"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// fleetQuery says which workers are looked for: what the arguments that
// data.cml_workers and the list of cml_worker have in common say.
type fleetQuery struct {
	// regions is empty for the provider's.
	regions     []string
	machines    instance.Query
	namePattern string
	owners      []string
	// images: the image of each machine is wanted, also without a pattern.
	images bool
	// single leaves out the members of Auto Scaling groups.
	single bool
}

// fleetSingles are the common arguments that both schemas have with one type.
type fleetSingles struct {
	Tags           types.Map    `tfsdk:"tags"`
	AMIID          types.String `tfsdk:"ami_id"`
	AMINamePattern types.String `tfsdk:"ami_name_pattern"`
	ManagedOnly    types.Bool   `tfsdk:"managed_only"`
}

// query adds the arguments that are sets in one schema and, since it knows no
// sets, lists in the other.
func (s fleetSingles) query(regions, states, kinds, owners []string) fleetQuery {
	out := fleetQuery{regions: regions, namePattern: s.AMINamePattern.ValueString(), owners: owners, machines: instance.Query{
		Tags: attribute.Map(s.Tags), States: states, Types: kinds, ManagedOnly: s.ManagedOnly.ValueBool(),
	}}
	if id := s.AMIID.ValueString(); id != "" {
		out.machines.ImageIDs = []string{id}
	}
	return out
}

// The validators of the common arguments.
var (
	fleetAMIID   = []validator.String{validators.AMIID(), stringvalidator.ConflictsWith(path.MatchRoot("ami_name_pattern"))}
	fleetPattern = []validator.String{stringvalidator.LengthAtLeast(1)}
	fleetState   = stringvalidator.OneOf(instance.StatePending, instance.StateRunning, instance.StateStopping, instance.StateStopped)
)

// The descriptions of the common arguments.
const (
	fleetRegionsText = "AWS regions to read, side by side. Default: the provider's."
	fleetStatesText  = "EC2 states: any of `pending`, `running`, `stopping`, `stopped`. Default: all of them."
	fleetTypesText   = "EC2 instance types, any of them."
	fleetTagsText    = "Tags that a worker carries, all of them, with exactly these values."
	fleetAMIIDText   = "Image that a worker was launched from."
	fleetPatternText = "Name of the image that a worker was launched from; `*` stands for any text, `?` for any one character: `\"CML-*\"`. An image that does not exist any more has no name and fits no pattern."
	fleetOwnersText  = "Whose images count for `ami_name_pattern`: account ids, `self`, `amazon` or `aws-marketplace`. Default: anybody's, since the instances are your own."
	fleetManagedText = "Only instances with this provider's managed tag. Default `false`."
)

// complete fills in the provider's region and sorts the regions. It adds an
// error where the workers cannot be looked up with this provider.
func (q *fleetQuery) complete(ctx context.Context, set *clients.Set, diags *diag.Diagnostics) {
	if tfdiag.NotKnown(diags, set.UnknownArguments(), "workers cannot be looked up yet") {
		return
	}
	if q.machines.ManagedOnly && !set.ManagedTags().Enabled {
		diags.AddAttributeError(path.Root("managed_only"), "Managed tags are off",
			"Workers of this provider cannot be told from other instances while the provider's `managed_tags` are off.")
		return
	}
	if len(q.regions) == 0 {
		region, err := set.DefaultRegion(ctx)
		if err != nil {
			diags.Append(lookUpFailed("", err))
			return
		}
		q.regions = []string{region}
	}
	slices.Sort(q.regions)
	q.regions = slices.Compact(q.regions)
}
