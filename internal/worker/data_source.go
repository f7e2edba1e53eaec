package worker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/datasourcevalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// DataSource is data.cml_worker: one worker, by id, by name or by tags.
type DataSource struct {
	set *clients.Set
}

var (
	_ datasource.DataSourceWithConfigure        = (*DataSource)(nil)
	_ datasource.DataSourceWithConfigValidators = (*DataSource)(nil)
)

// NewDataSource returns data.cml_worker.
func NewDataSource() datasource.DataSource { return &DataSource{} }

// dataModel is data.cml_worker.
type dataModel struct {
	ID                 types.String `tfsdk:"id"`
	Name               types.String `tfsdk:"name"`
	Tags               types.Map    `tfsdk:"tags"`
	Region             types.String `tfsdk:"region"`
	Controller         types.Object `tfsdk:"controller"`
	ARN                types.String `tfsdk:"arn"`
	AccountID          types.String `tfsdk:"account_id"`
	AMIID              types.String `tfsdk:"ami_id"`
	InstanceType       types.String `tfsdk:"instance_type"`
	SubnetID           types.String `tfsdk:"subnet_id"`
	VPCID              types.String `tfsdk:"vpc_id"`
	AvailabilityZone   types.String `tfsdk:"availability_zone"`
	SecurityGroupIDs   types.Set    `tfsdk:"security_group_ids"`
	KeyName            types.String `tfsdk:"key_name"`
	IAMInstanceProfile types.String `tfsdk:"iam_instance_profile"`
	Monitoring         types.Bool   `tfsdk:"monitoring"`
	InstanceState      types.String `tfsdk:"instance_state"`
	StateReason        types.String `tfsdk:"state_reason"`
	Status             types.String `tfsdk:"status"`
	ServiceStatus      types.String `tfsdk:"service_status"`
	Connectable        types.Bool   `tfsdk:"connectable"`
	NetworkInterfaceID types.String `tfsdk:"network_interface_id"`
	PublicIP           types.String `tfsdk:"public_ip"`
	PublicDNS          types.String `tfsdk:"public_dns"`
	PrivateIP          types.String `tfsdk:"private_ip"`
	PrivateDNS         types.String `tfsdk:"private_dns"`
	IPv6Address        types.String `tfsdk:"ipv6_address"`
	Address            types.String `tfsdk:"address"`
	URL                types.String `tfsdk:"url"`
	RootVolumeID       types.String `tfsdk:"root_volume_id"`
	LaunchTime         types.String `tfsdk:"launch_time"`
	CMLVersion         types.String `tfsdk:"cml_version"`
	CMLReady           types.Bool   `tfsdk:"cml_ready"`
	TagsAll            types.Map    `tfsdk:"tags_all"`
	Managed            types.Map    `tfsdk:"managed_tags"`

	HourlyCostEstimate types.Float64 `tfsdk:"hourly_cost_estimate"`
}

// Metadata implements datasource.DataSource.
func (d *DataSource) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_worker"
}

// Configure implements datasource.DataSourceWithConfigure.
func (d *DataSource) Configure(_ context.Context, req datasource.ConfigureRequest, resp *datasource.ConfigureResponse) {
	set, diags := clients.From(req.ProviderData)
	resp.Diagnostics.Append(diags...)
	d.set = set
}

// ConfigValidators implements datasource.DataSourceWithConfigValidators.
func (d *DataSource) ConfigValidators(context.Context) []datasource.ConfigValidator {
	return []datasource.ConfigValidator{datasourcevalidator.ExactlyOneOf(pathRoot("id"), pathRoot("name"), pathRoot("tags"))}
}

// Schema implements datasource.DataSource.
func (d *DataSource) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	text := func(s string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: s}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "One worker, found by exactly one of `id`, `name` or `tags`: the way for other configurations to learn a worker's endpoint. Finding none, or several, is an error that lists the candidates. Terminated workers are not seen.\n\nCML is asked once, for at most 3 seconds and not at all with `refresh_probe = false`; that it cannot be reached is a value of `service_status`, not an error.",
		Attributes: map[string]schema.Attribute{
			"id": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.InstanceID()},
				MarkdownDescription: "EC2 instance id."},
			"name": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.LengthBetween(1, 255)},
				MarkdownDescription: "Name of the worker: its `Name` tag."},
			"tags": schema.MapAttribute{Optional: true, ElementType: types.StringType, Validators: []validator.Map{mapvalidator.SizeAtLeast(1)},
				MarkdownDescription: "Tags that the worker carries, all of them."},
			"region": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{validators.Region()},
				MarkdownDescription: "AWS region. Default: the provider's."},
			"controller":           attribute.ControllerDataSource(),
			"arn":                  text("ARN of the instance."),
			"account_id":           text("AWS account that owns the instance."),
			"ami_id":               text("Image that the worker was launched from."),
			"instance_type":        text("EC2 instance type."),
			"subnet_id":            text("Subnet of the worker."),
			"vpc_id":               text("VPC of `subnet_id`."),
			"availability_zone":    text("Availability zone of the worker."),
			"security_group_ids":   schema.SetAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Security groups of the primary network interface."},
			"key_name":             text("EC2 key pair."),
			"iam_instance_profile": text("Name of the instance profile."),
			"monitoring":           schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether detailed monitoring is on."},
			"instance_state":       text("EC2 state: `pending`, `running`, `stopping` or `stopped`."),
			"state_reason":         text("Why the instance is in its state, in EC2's words."),
			"status":               text("`pending` (never started), `starting`, `running`, `stopping` or `stopped`."),
			"service_status":       text("CML's state: `unavailable`, `starting`, `available` (CML is ready), `degraded` or `unknown` (could not be asked)."),
			"connectable":          schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the worker runs, CML is available and its address is known."},
			"network_interface_id": text("Primary network interface."),
			"public_ip":            text("Public IPv4 address; null while stopped, unless it is an Elastic IP."),
			"public_dns":           text("Public DNS name that EC2 gives the address."),
			"private_ip":           text("Private IPv4 address."),
			"private_dns":          text("Private DNS name."),
			"ipv6_address":         text("First IPv6 address."),
			"address":              text("Address to dial, by `controller.address_preference`; null while it does not exist."),
			"url":                  text("URL of CML."),
			"root_volume_id":       text("EBS volume that the worker boots from."),
			"launch_time":          text("When the instance was started last, RFC 3339."),
			"cml_version":          text("Version that CML reports."),
			"cml_ready":            schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether CML says that it can start nodes."},
			"hourly_cost_estimate": schema.Float64Attribute{Computed: true, MarkdownDescription: "What the worker costs per hour in its present state, by AWS's price list and in its currency, as `cml_worker` has it. `cml_worker_cost` says more."},
			"tags_all":             schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Tags of the instance, without `Name`, the managed and the ignored ones."},
			"managed_tags":         schema.MapAttribute{Computed: true, ElementType: types.StringType, MarkdownDescription: "Tags that this provider keeps for itself."},
		},
	}
}

// Read implements datasource.DataSource.
func (d *DataSource) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m dataModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if tfdiag.NotKnown(&resp.Diagnostics, d.set.UnknownArguments(), "the worker cannot be looked up in this plan") {
		return
	}
	ec2, err := d.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to look up CML worker", tfdiag.About{Region: m.Region.ValueString()}, err))
		return
	}
	machine := d.find(ctx, ec2, m, &resp.Diagnostics)
	if machine == nil {
		return
	}

	_, managed := splitTags(d.set, machine.Tags, types.MapNull(types.StringType))
	explicit, diags := attribute.ExpandController(ctx, m.Controller)
	resp.Diagnostics.Append(diags...)
	settings := controller.Merge(explicit, tagSettings(d.set, managed), d.set.Controller(), controller.Defaults())

	r := &Resource{set: d.set}
	prior := &model{Controller: attribute.FlattenController(settings), Managed: types.MapNull(types.StringType), Tags: types.MapNull(types.StringType)}
	f := found{instance: machine, service: r.probe(ctx, ec2, machine, prior, readiness.Ready, &resp.Diagnostics)}
	if d.set.ReadsPrices() {
		f.volume = r.volume(ctx, ec2, machine, &resp.Diagnostics)
	}
	out := flatten(ctx, d.set, f, prior, &resp.Diagnostics)
	out.HourlyCostEstimate = r.estimate(ctx, ec2, machine, f.volume, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, dataFrom(out, m.Tags))...)
}

// find returns the one worker that is asked for, or nil with a diagnostic.
func (d *DataSource) find(ctx context.Context, ec2 *instance.Client, m dataModel, diags *diag.Diagnostics) *instance.Instance {
	about := tfdiag.About{Region: ec2.Region()}
	if known(m.ID) {
		about.ID, about.Attribute = m.ID.ValueString(), path.Root("id")
		machine, err := ec2.Find(ctx, m.ID.ValueString(), "")
		if err != nil {
			summary := "Unable to look up CML worker"
			if fault.Is(err, fault.NotFound) {
				summary, about.Next = "CML worker not found", "check the id and the region; a terminated worker is not found."
			}
			diags.Append(tfdiag.Error(summary, about, err))
			return nil
		}
		return machine
	}
	query := instance.Query{Name: m.Name.ValueString(), Tags: attribute.Map(m.Tags)}
	what := fmt.Sprintf("name %q", m.Name.ValueString())
	about.Attribute = path.Root("name")
	if known(m.Tags) {
		what, about.Attribute = "tags "+assignments(query.Tags), path.Root("tags")
	}
	all, err := ec2.Search(ctx, query)
	switch {
	case err != nil:
		diags.Append(tfdiag.Error("Unable to look up CML worker", tfdiag.About{Region: ec2.Region()}, err))
	case len(all) == 0:
		text := fmt.Sprintf("No live worker with %s in %s.", what, ec2.Region())
		if others, err := ec2.Search(ctx, instance.Query{Tags: map[string]string{d.set.ManagedTags().Key(instance.MarkerManagedBy): instance.ManagedByValue}}); err == nil && len(others) > 0 {
			text += " Workers that this provider launched there:\n" + candidates(others)
		}
		diags.AddAttributeError(about.Attribute, "CML worker not found", text)
	case len(all) > 1:
		diags.AddAttributeError(about.Attribute, "Several CML workers found", fmt.Sprintf("%d live workers with %s in %s; look one up by its id:\n%s", len(all), what, ec2.Region(), candidates(all)))
	default:
		return all[0]
	}
	return nil
}

// assignments writes tags as the configuration does, by their keys.
func assignments(tags map[string]string) string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, fmt.Sprintf("%s = %q", key, tags[key]))
	}
	return strings.Join(out, ", ")
}

// candidates is a line for each worker, oldest first.
func candidates(all []*instance.Instance) string {
	all = slices.SortedFunc(slices.Values(all), func(a, b *instance.Instance) int { return a.LaunchTime.Compare(b.LaunchTime) })
	var b strings.Builder
	for n, i := range all {
		if n == 20 {
			fmt.Fprintf(&b, "\n  … and %d more", len(all)-n)
			break
		}
		fmt.Fprintf(&b, "\n  %s  %q  %s  launched %s", i.ID, i.Name(), i.State, i.LaunchTime.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// dataFrom takes from a worker's model what the data source shows.
func dataFrom(m *model, tags types.Map) dataModel {
	return dataModel{
		ID: m.ID, Name: m.Name, Tags: tags, Region: m.Region, Controller: m.Controller, ARN: m.ARN, AccountID: m.AccountID,
		AMIID: m.AMIID, InstanceType: m.InstanceType, SubnetID: m.SubnetID, VPCID: m.VPCID, AvailabilityZone: m.AvailabilityZone,
		SecurityGroupIDs: m.SecurityGroupIDs, KeyName: m.KeyName, IAMInstanceProfile: m.IAMInstanceProfile, Monitoring: m.Monitoring,
		InstanceState: m.InstanceState, StateReason: m.StateReason, Status: m.Status, ServiceStatus: m.ServiceStatus, Connectable: m.Connectable,
		NetworkInterfaceID: m.NetworkInterfaceID, PublicIP: m.PublicIP, PublicDNS: m.PublicDNS, PrivateIP: m.PrivateIP, PrivateDNS: m.PrivateDNS,
		IPv6Address: m.IPv6Address, Address: m.Address, URL: m.URL, RootVolumeID: m.RootVolumeID, LaunchTime: m.LaunchTime,
		CMLVersion: m.CMLVersion, CMLReady: m.CMLReady, TagsAll: m.TagsAll, Managed: m.Managed, HourlyCostEstimate: m.HourlyCostEstimate,
	}
}
