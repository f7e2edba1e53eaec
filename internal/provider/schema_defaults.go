package provider

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/float64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// keptText ends the descriptions of both maps.
const keptText = " Values are used where a new worker leaves the argument out, and kept: a later change here changes no worker that exists."

// beside is the argument of the same object with another name.
func beside(name string) path.Expression {
	return path.MatchRelative().AtParent().AtName(name)
}

// number returns a function for whole numbers, as text does for strings.
func number(description string, checks ...validator.Int64) schema.Int64Attribute {
	return schema.Int64Attribute{MarkdownDescription: description, Optional: true, Validators: checks}
}

func workerDefaultsAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Optional:            true,
		MarkdownDescription: "Arguments of `cml_worker`, by the worker's own names, for workers of all regions. They beat `region_defaults`." + keptText,
		Attributes: map[string]schema.Attribute{
			"instance_type": text("Instance type. Set this or `instance_types`.", validators.InstanceType(), stringvalidator.ConflictsWith(beside("instance_types"))),
			"instance_types": schema.ListAttribute{ElementType: types.StringType, Optional: true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(validators.InstanceType())},
				MarkdownDescription: "Instance types in order of preference."},
			"key_name":             keyNameAttribute(),
			"iam_instance_profile": profileAttribute(),
			"network":              networkDefaultsAttribute(),
			"monitoring":           flag("Detailed CloudWatch monitoring."),
			"root_volume": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "The volume that the worker boots from.", Attributes: map[string]schema.Attribute{
				"size_gib":              number("Size in GiB.", int64validator.Between(1, 65536)),
				"type":                  text("EBS volume type.", stringvalidator.OneOf("gp2", "gp3", "io1", "io2", "st1", "sc1", "standard")),
				"iops":                  number("Provisioned IOPS, for gp3, io1 and io2.", int64validator.Between(100, 256000)),
				"throughput":            number("Throughput in MiB/s, for gp3.", int64validator.Between(125, 2000)),
				"encrypted":             flag("Whether the volume is encrypted."),
				"kms_key_id":            text("KMS key (id, alias or ARN) for the encryption.", stringvalidator.LengthBetween(1, 2048)),
				"delete_on_termination": flag("Whether the volume goes with the worker."),
			}},
			"metadata_options": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Instance metadata service.", Attributes: map[string]schema.Attribute{
				"http_tokens":                 text("`required` allows IMDSv2 only.", stringvalidator.OneOf("required", "optional")),
				"http_put_response_hop_limit": number("Hop limit of the token answer. Above 1, nodes inside labs may reach the metadata of the worker.", int64validator.Between(1, 64)),
			}},
			"readiness": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "The wait for CML.", Attributes: map[string]schema.Attribute{
				"timeout":  text("How long CML may take after the EC2 status checks pass or the first HTTP answer comes.", validators.Duration(time.Second, 24*time.Hour)),
				"interval": text("Pause between two tries.", validators.Duration(time.Second, 10*time.Minute)),
			}},
			"controller": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "How CML is reached. It beats the provider's own `controller`.", Attributes: map[string]schema.Attribute{
				"port": number("HTTPS port of CML.", validators.Port()),
				"address_preference": schema.ListAttribute{ElementType: types.StringType, Optional: true,
					Validators: []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(),
						listvalidator.ValueStringsAre(stringvalidator.OneOf("eip", "public_ip", "private_ip", "ipv6"))},
					MarkdownDescription: "Which address to dial, in order: `eip`, `public_ip`, `private_ip`, `ipv6`."},
				"via": text("`direct` or `proxy`.", stringvalidator.OneOf("direct", "proxy")),
			}},
		},
	}
}

func regionDefaultsAttribute() schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Optional: true,
		MarkdownDescription: "Arguments of `cml_worker` by region, for what exists in one region only: the image, the network, the key pair." + keptText +
			" Once there is an entry, a worker in a region without one must name its image and its subnets itself.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"ami_id": text("Image to launch. Set this or `ami_filter`.", validators.AMIID(), stringvalidator.ConflictsWith(beside("ami_filter"))),
			"ami_filter": schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "Finds the image at creation: of several matches the newest.", Attributes: map[string]schema.Attribute{
				"name_pattern": text("Name of the image, with `*` and `?` as wildcards. Needed.", stringvalidator.LengthBetween(1, 128)),
				"owners": schema.SetAttribute{ElementType: types.StringType, Optional: true,
					Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.ImageOwner())},
					MarkdownDescription: "Account ids, `self`, `amazon` or `aws-marketplace`. Default `[\"self\"]`."},
				"cml_version":  text("Exact CML version of the image, from its tag `cml:version` or its name.", validators.CMLVersion()),
				"architecture": text("Default `x86_64`, the only one that CML runs on.", stringvalidator.OneOf("x86_64", "arm64")),
				"on_newer":     text("`ignore` (default), or `warn`: refresh looks for a newer match and the plan warns.", stringvalidator.OneOf("ignore", "warn")),
			}},
			"expected_cml_version": text("CML version of the image named here. Workers that name an image themselves are not held to it.", validators.CMLVersion()),
			"vpc_id":               text("VPC that the subnets and security groups of all workers of the region must be in. The plan fails for others.", validators.VPCID()),
			"subnet_ids": schema.ListAttribute{ElementType: types.StringType, Optional: true,
				Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.UniqueValues(), listvalidator.ValueStringsAre(validators.SubnetID())},
				MarkdownDescription: "Subnets in order of preference."},
			"security_group_ids": schema.SetAttribute{ElementType: types.StringType, Optional: true,
				Validators:          []validator.Set{setvalidator.SizeAtLeast(1), setvalidator.ValueStringsAre(validators.SecurityGroupID())},
				MarkdownDescription: "Security groups of the primary network interface."},
			"key_name":             keyNameAttribute(),
			"iam_instance_profile": profileAttribute(),
			"network":              networkDefaultsAttribute(),
		}},
	}
}

func keyNameAttribute() schema.StringAttribute {
	return text("EC2 key pair for the operating system's account.", stringvalidator.LengthBetween(1, 255))
}

func profileAttribute() schema.StringAttribute {
	return text("Name or ARN of the instance profile.", stringvalidator.LengthBetween(1, 2048))
}

func networkDefaultsAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{Optional: true, MarkdownDescription: "The primary network interface.", Attributes: map[string]schema.Attribute{
		"public_ip": flag("Whether the worker has an automatic public IPv4 address."),
	}}
}

func guardrailsAttribute() schema.SingleNestedAttribute {
	severity := stringvalidator.OneOf("off", "warn", "error")
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "What the plan of a new worker, or of a change, is held against. It is looked at again in apply for what was unknown. Workers that exist are left alone. " +
			"Of several `instance_types` each is judged: those refused are left out, and the plan fails when none remains. A check that cannot be made, for instance because a permission is missing, is one warning.",
		Attributes: map[string]schema.Attribute{
			"allowed_regions": schema.SetAttribute{ElementType: types.StringType, Optional: true,
				Validators:          []validator.Set{setvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1))},
				MarkdownDescription: "Regions that workers may be created in. Default: all."},
			"allowed_instance_types": schema.SetAttribute{ElementType: types.StringType, Optional: true,
				Validators:          []validator.Set{setvalidator.ValueStringsAre(validators.InstanceTypePattern())},
				MarkdownDescription: "Instance types that workers may have, with `*` and `?` as wildcards, such as `m8i.*`. Default: all."},
			"max_hourly_cost": schema.Float64Attribute{Optional: true, Validators: []validator.Float64{float64validator.Between(0, 1e6)},
				MarkdownDescription: "What a worker may cost per hour while it runs, in the currency of AWS's price list (USD; CNY in China): its instance type on demand, or at the present spot price and at most `market.max_price`, " +
					"its root volume, and a public IPv4 address unless it has none. List prices, without discounts and taxes. Judged for a new worker, and where its type, volume or address changes. Default: no limit."},
			"on_unknown_price": text("What a price that cannot be read is, with `max_hourly_cost`: `warn` (default; the type is used) or `error` (it is refused).", stringvalidator.OneOf("warn", "error")),
			"capability_check": text("Whether the instance types can run CML, which needs x86_64 with bare metal or nested virtualisation, and whether the availability zones of the subnets offer them: "+
				"`warn` (default), `error` or `off`. That no zone of the subnets offers a type which the region has is an error with `warn` too.", severity),
			"quota_check": text("Whether the vCPU quota of the account covers the worker beside the machines that run (Service Quotas): `warn` (default), `error` or `off`. "+
				"It is not made where `endpoints` replaces EC2 and leaves `servicequotas` as it is.", severity),
			"preflight": text("Whether the plan of a new worker asks EC2 for a dry run of the launch: `off` (default), `warn` or `error`. It finds missing permissions and references that do not exist, but no lack of capacity.", severity),
		},
	}
}
