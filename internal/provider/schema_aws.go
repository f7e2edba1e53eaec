package provider

import (
	"regexp"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/setvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

var (
	trustRules = []string{controller.TrustPinFirst, controller.TrustVerify, controller.TrustInsecure}
	tagPrefix  = regexp.MustCompile(`^[\p{L}\p{N} _.:/=+@-]+$`)
)

var serviceNames = map[awsconf.Service]string{
	awsconf.CloudWatch:     "CloudWatch",
	awsconf.EC2:            "EC2",
	awsconf.IAM:            "IAM",
	awsconf.Pricing:        "the Price List API",
	awsconf.Scheduler:      "EventBridge Scheduler",
	awsconf.SecretsManager: "Secrets Manager",
	awsconf.ServiceQuotas:  "Service Quotas",
	awsconf.SSM:            "Systems Manager",
	awsconf.SSO:            "IAM Identity Center's portal, where single sign-on gets its credentials",
	awsconf.STS:            "STS",
}

func requestTimeoutRange() validator.String { return validators.Duration(time.Second, 10*time.Minute) }

func urlOrEmpty() validator.String {
	return stringvalidator.Any(stringvalidator.OneOf(""), validators.HTTPURL())
}

// awsAttributes are those of provider "aws", with its names and meanings.
func awsAttributes() map[string]schema.Attribute {
	accounts := func(description string) schema.SetAttribute {
		return schema.SetAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: description,
			Validators: []validator.Set{setvalidator.ValueStringsAre(validators.AccountID())}}
	}
	files := func(description string) schema.ListAttribute {
		return schema.ListAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: description,
			Validators: []validator.List{listvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1))}}
	}
	return map[string]schema.Attribute{
		"access_key": text("AWS access key. Environment: `AWS_ACCESS_KEY_ID`; or from the shared credentials file, with `profile`."),
		"secret_key": secret("AWS secret key. Environment: `AWS_SECRET_ACCESS_KEY`; or from the shared credentials file, with `profile`."),
		"token":      secret("Session token of temporary credentials. Environment: `AWS_SESSION_TOKEN`."),
		"profile":    text("Name of the profile in the shared files. Environment: `AWS_PROFILE`."),
		"shared_config_files": files("Paths of shared config files, `~` for the home directory. Default `~/.aws/config`. " +
			"Environment: `AWS_CONFIG_FILE`."),
		"shared_credentials_files": files("Paths of shared credentials files. Default `~/.aws/credentials`. Environment: `AWS_SHARED_CREDENTIALS_FILE`."),
		"region": text("AWS region of everything that names none itself. Environment: `AWS_REGION`, `AWS_DEFAULT_REGION`; " +
			"or from the profile."),

		"allowed_account_ids": accounts("AWS account ids that may be used: with credentials of any other account the run ends before anything happens. " +
			"Conflicts with `forbidden_account_ids`."),
		"forbidden_account_ids": accounts("AWS account ids that may not be used. Conflicts with `allowed_account_ids`."),

		"custom_ca_bundle": text("Path of a file of CA certificates in PEM form for the connections to AWS. Environment: `AWS_CA_BUNDLE`."),
		"insecure":         flag("Whether certificates of AWS go unverified. Default `false`. For CML see `controller.tls`."),
		"http_proxy": text("URL of the proxy to AWS for HTTP; also for HTTPS where `https_proxy` is not set. `\"\"` means none. "+
			"Environment: `HTTP_PROXY`, `http_proxy`.", validators.ProxyURL()),
		"https_proxy": text("URL of the proxy to AWS for HTTPS. `\"\"` means none. Environment: `HTTPS_PROXY`, `https_proxy`.", validators.ProxyURL()),
		"no_proxy":    text("Comma-separated hosts that are reached without proxy. Environment: `NO_PROXY`, `no_proxy`."),

		"max_retries": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(0)},
			MarkdownDescription: "How often a request to AWS is tried at most when AWS throttles or fails. Default 25; 0 and 1 try once. " +
				"Lack of capacity and quotas are never tried again. Environment: `AWS_MAX_ATTEMPTS`."},
		"retry_mode": text("`standard` (default) or `adaptive`, which also slows down when AWS throttles. Environment: `AWS_RETRY_MODE`.",
			stringvalidator.OneOf("standard", "adaptive")),
		"token_bucket_rate_limiter_capacity": schema.Int64Attribute{Optional: true, Validators: []validator.Int64{int64validator.AtLeast(0)},
			MarkdownDescription: "Capacity of the bucket that limits retries of all requests together. Default: no limit."},
		"use_fips_endpoint":      flag("Whether to use FIPS endpoints. Default `false`. Environment: `AWS_USE_FIPS_ENDPOINT`."),
		"use_dualstack_endpoint": flag("Whether to use endpoints that also answer by IPv6. Default `false`. Environment: `AWS_USE_DUALSTACK_ENDPOINT`."),
		"sts_region":             text("Region of STS, where it is not `region`."),

		"ec2_metadata_service_endpoint": text("URL of the EC2 metadata service. Environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT`.", urlOrEmpty()),
		"ec2_metadata_service_endpoint_mode": text("`IPv4` or `IPv6`: by which the metadata service is reached. Environment: `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`.",
			stringvalidator.OneOf("IPv4", "IPv6")),
		"skip_metadata_api_check": flag("`true` never asks the EC2 metadata service for credentials, `false` asks it even where " +
			"`AWS_EC2_METADATA_DISABLED` says not to. Default: as the environment says."),
		"skip_credentials_validation": flag("Do not check the credentials with STS. Default `false`. For servers without STS set `skip_requesting_account_id` too."),
		"skip_requesting_account_id": flag("Do not ask which account the credentials belong to. Default `false`. Together with `skip_credentials_validation` " +
			"nothing is asked of STS; then nobody can tell a worker that is gone from one in another account, and `created_by` is not tagged."),
		"skip_region_validation": flag("Do not check names of regions, as servers that only resemble AWS may need. Default `false`."),
	}
}

// awsBlocks are those of provider "aws".
func awsBlocks() map[string]schema.Block {
	arns := func(description string) schema.SetAttribute {
		return schema.SetAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: description,
			Validators: []validator.Set{setvalidator.ValueStringsAre(validators.ARN("iam"))}}
	}
	sessionDuration := text("How long the role session lasts, between `15m` and `12h`. Default: that of STS, `1h`.",
		validators.Duration(15*time.Minute, 12*time.Hour))
	policy := text("IAM policy in JSON that restricts the role further.", validators.JSONObject())
	strs := func(description string) schema.SetAttribute {
		return schema.SetAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: description,
			Validators: []validator.Set{setvalidator.ValueStringsAre(stringvalidator.LengthAtLeast(1))}}
	}
	return map[string]schema.Block{
		"assume_role": schema.ListNestedBlock{
			MarkdownDescription: "An IAM role to assume. Several blocks are a chain: each role is assumed with the credentials of the one before.",
			NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"role_arn":        text("ARN of the role. A single block without one is left out.", validators.RoleARN()),
				"duration":        sessionDuration,
				"external_id":     text("External id that the role's trust policy asks for.", validators.ExternalID()),
				"policy":          policy,
				"policy_arns":     arns("ARNs of IAM policies that restrict the role further."),
				"session_name":    text("Name of the role session, as CloudTrail shows it.", validators.SessionName()),
				"source_identity": text("Source identity of the role session.", validators.SessionName()),
				"tags": schema.MapAttribute{ElementType: types.StringType, Optional: true, MarkdownDescription: "Session tags.",
					Validators: []validator.Map{validators.Tags()}},
				"transitive_tag_keys": strs("Keys of the session tags that further roles of the chain keep."),
			}},
		},
		"assume_role_with_web_identity": schema.ListNestedBlock{
			MarkdownDescription: "An IAM role to assume with a web identity token, as CI systems issue them.",
			Validators:          []validator.List{listvalidator.SizeAtMost(1)},
			NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"role_arn":                text("ARN of the role.", validators.RoleARN()),
				"duration":                sessionDuration,
				"policy":                  policy,
				"policy_arns":             arns("ARNs of IAM policies that restrict the role further."),
				"session_name":            text("Name of the role session.", validators.SessionName()),
				"web_identity_token":      secret("The token. Environment: `TF_AWS_WEB_IDENTITY_TOKEN`.", stringvalidator.LengthBetween(4, 20000)),
				"web_identity_token_file": text("Path of a file that holds the token. Environment: `AWS_WEB_IDENTITY_TOKEN_FILE`."),
			}},
		},
		"endpoints": schema.ListNestedBlock{
			MarkdownDescription: "URLs that replace the endpoints of AWS services, for private endpoints and other implementations. They beat `AWS_ENDPOINT_URL`, " +
				"`AWS_ENDPOINT_URL_EC2` and their like, and `endpoint_url` of the profile.",
			NestedObject: schema.NestedBlockObject{Attributes: endpointAttributes()},
		},
		"default_tags": schema.ListNestedBlock{
			MarkdownDescription: "Tags of everything that this provider makes.",
			Validators:          []validator.List{listvalidator.SizeAtMost(1)},
			NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"tags": schema.MapAttribute{ElementType: types.StringType, Optional: true, Validators: []validator.Map{validators.Tags()},
					MarkdownDescription: "The tags. A resource's own `tags` beat them. Environment: `TF_AWS_DEFAULT_TAGS_<key>`."},
			}},
		},
		"ignore_tags": schema.ListNestedBlock{
			MarkdownDescription: "Tags that others write, and that are neither shown nor removed.",
			Validators:          []validator.List{listvalidator.SizeAtMost(1)},
			NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
				"keys":         strs("Keys of the tags. Environment: `TF_AWS_IGNORE_TAGS_KEYS`, separated by commas, in addition."),
				"key_prefixes": strs("What the keys of the tags begin with. Environment: `TF_AWS_IGNORE_TAGS_KEY_PREFIXES`, in addition."),
			}},
		},
	}
}
