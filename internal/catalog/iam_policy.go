package catalog

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// IAMPolicy is data.cml_iam_policy: what this provider has to be allowed. It
// makes no request.
type IAMPolicy struct{ base }

// partitionForm is a name of a partition.
var partitionForm = regexp.MustCompile(`^aws(-[a-z]+)*$`)

var _ datasource.DataSourceWithConfigure = (*IAMPolicy)(nil)

// NewIAMPolicy returns data.cml_iam_policy.
func NewIAMPolicy() datasource.DataSource { return &IAMPolicy{} }

// iamModel is data.cml_iam_policy.
type iamModel struct {
	Features    types.Set    `tfsdk:"features"`
	Regions     types.Set    `tfsdk:"regions"`
	RequireTags types.Bool   `tfsdk:"require_tags"`
	RoleARNs    types.Set    `tfsdk:"role_arns"`
	SecretARNs  types.Set    `tfsdk:"secret_arns"`
	KMSKeyARNs  types.Set    `tfsdk:"kms_key_arns"`
	Partition   types.String `tfsdk:"partition"`
	JSON        types.String `tfsdk:"json"`
}

// Metadata implements datasource.DataSource.
func (*IAMPolicy) Metadata(_ context.Context, req datasource.MetadataRequest, resp *datasource.MetadataResponse) {
	resp.TypeName = req.ProviderTypeName + "_iam_policy"
}

// Schema implements datasource.DataSource.
func (*IAMPolicy) Schema(_ context.Context, _ datasource.SchemaRequest, resp *datasource.SchemaResponse) {
	var list strings.Builder
	for _, f := range iamFeatures {
		fmt.Fprintf(&list, "\n  * `%s`: %s", f.name, f.what)
	}
	arns := func(text string, services ...string) schema.SetAttribute {
		return schema.SetAttribute{Optional: true, ElementType: types.StringType,
			Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.ARN(services...))},
			MarkdownDescription: text}
	}
	resp.Schema = schema.Schema{
		MarkdownDescription: "The IAM policy with the actions that this provider calls for the features that you use, and no others. It makes no request, so the policy can be made by somebody who may do nothing else.\n\n" +
			"The managed tags of a worker are trusted: `cml:credentials-ref` names the secret with CML's password, and `cml:tls-sha256` the certificate that it is sent to. Who may tag an instance can so point this provider at every secret that it may read, and at a certificate of his own. Let only those tag workers (`ec2:CreateTags`) whom you trust with that, and name the secrets in `secret_arns`.",
		Attributes: map[string]schema.Attribute{
			"features": schema.SetAttribute{Required: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(stringvalidator.OneOf(iamFeatureNames()...))},
				MarkdownDescription: "What to allow:\n" + list.String() + "\n\nAll others but `publisher` need `read`, too."},
			"regions": schema.SetAttribute{Optional: true, ElementType: types.StringType,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.Region())},
				MarkdownDescription: "Regions to allow it in, by the condition `aws:RequestedRegion`; all of one partition. Default: every region."},
			"require_tags": schema.BoolAttribute{Optional: true,
				MarkdownDescription: "Allow changes only to what carries this provider's managed tag, and launches only with it. Workers that were imported have no such tag until somebody sets it, nor do Elastic IPs that a worker did not allocate. Default `false`."},
			"role_arns":    arns("Roles of the instance profiles that workers may get, and of schedules. Default: every role, handed to EC2 and EventBridge Scheduler only.", "iam"),
			"secret_arns":  arns("Secrets and parameters that `controller.credentials`, or the publisher, names; a `*` at the end covers the six characters that Secrets Manager adds. Default: all.", "secretsmanager", "ssm"),
			"kms_key_arns": arns("KMS keys of encrypted volumes and secrets. Default: every key, used through EC2, Secrets Manager and Systems Manager only.", "kms"),
			"partition": schema.StringAttribute{Optional: true, Computed: true, Validators: []validator.String{stringvalidator.RegexMatches(partitionForm, "must be a partition such as aws or aws-cn")},
				MarkdownDescription: "Partition in the ARNs. Default: that of `regions`, or else of the provider's region."},
			"json": schema.StringAttribute{Computed: true, MarkdownDescription: "The policy, for `policy` of `aws_iam_policy` or `aws_iam_role_policy`. IAM takes 6144 characters in a managed policy, white space not counted: all features fit, but with `require_tags` and `regions` they have to be divided between two data sources and policies."},
		},
	}
}

// Read implements datasource.DataSource.
func (d *IAMPolicy) Read(ctx context.Context, req datasource.ReadRequest, resp *datasource.ReadResponse) {
	var m iamModel
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r := iamRequest{
		features: attribute.Strings(m.Features), regions: attribute.Strings(m.Regions), roleARNs: attribute.Strings(m.RoleARNs),
		secretARNs: attribute.Strings(m.SecretARNs), keyARNs: attribute.Strings(m.KMSKeyARNs), partition: m.Partition.ValueString(),
	}
	slices.Sort(r.regions)
	needs := func(arguments ...string) bool {
		var unknown []string
		for _, a := range d.set.UnknownArguments() {
			for _, needed := range arguments {
				if a == needed || strings.HasPrefix(a, needed+".") {
					unknown = append(unknown, a)
				}
			}
		}
		refuseUnknown(unknown, &resp.Diagnostics)
		return !resp.Diagnostics.HasError()
	}
	if m.RequireTags.ValueBool() {
		if !needs("managed_tags") {
			return
		}
		tags := d.set.ManagedTags()
		if !tags.Enabled {
			resp.Diagnostics.AddAttributeError(path.Root("require_tags"), "Managed tags are off",
				"The provider's `managed_tags` are off, so nothing that it makes would carry the tag that the policy requires.")
			return
		}
		r.tagKey, r.tagValue = tags.Key(instance.MarkerManagedBy), instance.ManagedByValue
	}
	if r.partition == "" && len(r.regions) > 0 {
		r.partition = partitionOf(r.regions[0])
		for _, region := range r.regions {
			if partitionOf(region) != r.partition {
				resp.Diagnostics.AddAttributeError(path.Root("regions"), "Regions of several partitions",
					fmt.Sprintf("%s and %s are in different partitions of AWS, which share neither accounts nor policies.", r.regions[0], region))
				return
			}
		}
	}
	if r.partition == "" {
		if !needs("region") {
			return
		}
		region, err := d.set.DefaultRegion(ctx)
		if err != nil {
			resp.Diagnostics.Append(tfdiag.Error("Unable to write IAM policy", tfdiag.About{}, err))
			return
		}
		r.partition = partitionOf(region)
	}
	text, err := policyJSON(r)
	if err != nil {
		resp.Diagnostics.Append(tfdiag.Error("Unable to write IAM policy", tfdiag.About{}, err))
		return
	}
	m.Partition, m.JSON = types.StringValue(r.partition), types.StringValue(text)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}
