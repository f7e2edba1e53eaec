package worker

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
)

// model is cml_worker in plan and state. UserDataWO is null in both: Terraform
// hands a write-only value over in the configuration alone.
type model struct {
	ID        types.String `tfsdk:"id"`
	ARN       types.String `tfsdk:"arn"`
	AccountID types.String `tfsdk:"account_id"`
	Name      types.String `tfsdk:"name"`
	Region    types.String `tfsdk:"region"`
	Revision  types.String `tfsdk:"revision"`

	AMIID              types.String `tfsdk:"ami_id"`
	AMIFilter          types.Object `tfsdk:"ami_filter"`
	ExpectedCMLVersion types.String `tfsdk:"expected_cml_version"`
	InstanceType       types.String `tfsdk:"instance_type"`
	InstanceTypes      types.List   `tfsdk:"instance_types"`
	SubnetIDs          types.List   `tfsdk:"subnet_ids"`
	SecurityGroupIDs   types.Set    `tfsdk:"security_group_ids"`
	KeyName            types.String `tfsdk:"key_name"`
	IAMInstanceProfile types.String `tfsdk:"iam_instance_profile"`
	Network            types.Object `tfsdk:"network"`
	Controller         types.Object `tfsdk:"controller"`
	RootVolume         types.Object `tfsdk:"root_volume"`
	MetadataOptions    types.Object `tfsdk:"metadata_options"`
	Monitoring         types.Bool   `tfsdk:"monitoring"`
	Nested             types.String `tfsdk:"nested_virtualization"`
	Market             types.Object `tfsdk:"market"`
	Protection         types.Object `tfsdk:"protection"`

	UserData           types.String `tfsdk:"user_data"`
	UserDataBase64     types.String `tfsdk:"user_data_base64"`
	UserDataWO         types.String `tfsdk:"user_data_wo"`
	UserDataWOVersion  types.Int64  `tfsdk:"user_data_wo_version"`
	UserDataChange     types.String `tfsdk:"user_data_change"`
	AllowStopForUpdate types.Bool   `tfsdk:"allow_stop_for_update"`

	LicenseCheck types.String `tfsdk:"license_check"`

	Readiness types.Object   `tfsdk:"readiness"`
	OnDestroy types.Object   `tfsdk:"on_destroy"`
	Tags      types.Map      `tfsdk:"tags"`
	TagsAll   types.Map      `tfsdk:"tags_all"`
	Managed   types.Map      `tfsdk:"managed_tags"`
	Timeouts  timeouts.Value `tfsdk:"timeouts"`

	InstanceState      types.String `tfsdk:"instance_state"`
	StateReason        types.String `tfsdk:"state_reason"`
	Status             types.String `tfsdk:"status"`
	ServiceStatus      types.String `tfsdk:"service_status"`
	Connectable        types.Bool   `tfsdk:"connectable"`
	SubnetID           types.String `tfsdk:"subnet_id"`
	VPCID              types.String `tfsdk:"vpc_id"`
	AvailabilityZone   types.String `tfsdk:"availability_zone"`
	NetworkInterfaceID types.String `tfsdk:"network_interface_id"`
	EIPAllocationID    types.String `tfsdk:"eip_allocation_id"`
	PublicIP           types.String `tfsdk:"public_ip"`
	PublicDNS          types.String `tfsdk:"public_dns"`
	PrivateIP          types.String `tfsdk:"private_ip"`
	PrivateDNS         types.String `tfsdk:"private_dns"`
	IPv6Address        types.String `tfsdk:"ipv6_address"`
	Address            types.String `tfsdk:"address"`
	URL                types.String `tfsdk:"url"`
	RootVolumeID       types.String `tfsdk:"root_volume_id"`
	SpotRequestID      types.String `tfsdk:"spot_request_id"`
	NestedActive       types.Bool   `tfsdk:"nested_virtualization_active"`
	AMIName            types.String `tfsdk:"ami_name"`
	AMICMLVersion      types.String `tfsdk:"ami_cml_version"`
	NewerAMIID         types.String `tfsdk:"newer_ami_id"`
	NewerAMIVersion    types.String `tfsdk:"newer_ami_version"`
	LaunchTime         types.String `tfsdk:"launch_time"`
	CMLVersion         types.String `tfsdk:"cml_version"`
	CMLReady           types.Bool   `tfsdk:"cml_ready"`
	LicenseStatus      types.String `tfsdk:"license_status"`
	LicenseExpiresAt   types.String `tfsdk:"license_expires_at"`

	HourlyCostEstimate types.Float64 `tfsdk:"hourly_cost_estimate"`
}

// network is what is wished for; what EC2 gave stands in public_ip and
// private_ip of the worker.
type network struct {
	PublicIP  types.Bool   `tfsdk:"public_ip"`
	PrivateIP types.String `tfsdk:"private_ip"`
	EIP       types.Object `tfsdk:"eip"`
	IPv6Count types.Int64  `tfsdk:"ipv6_address_count"`
}

// eip is an Elastic IP: one that exists, or one of the worker's own.
type eip struct {
	AllocationID types.String `tfsdk:"allocation_id"`
	Allocate     types.Bool   `tfsdk:"allocate"`
}

// market is how the machine is bought.
type market struct {
	Type         types.String `tfsdk:"type"`
	MaxPrice     types.String `tfsdk:"max_price"`
	Interruption types.String `tfsdk:"interruption"`
}

// protection is against termination and stop.
type protection struct {
	Termination types.Bool `tfsdk:"termination"`
	Stop        types.Bool `tfsdk:"stop"`
}

// onDestroy is what a destroy does besides terminating.
type onDestroy struct {
	Mode               types.String `tfsdk:"mode"`
	FinalSnapshot      types.Bool   `tfsdk:"final_snapshot"`
	OverrideProtection types.Bool   `tfsdk:"override_protection"`
	DeregisterLicense  types.String `tfsdk:"deregister_license"`
	StartIfStopped     types.Bool   `tfsdk:"start_if_stopped"`
	StopLabs           types.Bool   `tfsdk:"stop_labs"`
}

// amiFilter finds an image.
type amiFilter struct {
	NamePattern  types.String `tfsdk:"name_pattern"`
	Owners       types.Set    `tfsdk:"owners"`
	CMLVersion   types.String `tfsdk:"cml_version"`
	Architecture types.String `tfsdk:"architecture"`
	OnNewer      types.String `tfsdk:"on_newer"`
}

// rootVolume is the volume that the worker boots from.
type rootVolume struct {
	SizeGiB             types.Int64  `tfsdk:"size_gib"`
	Type                types.String `tfsdk:"type"`
	IOPS                types.Int64  `tfsdk:"iops"`
	Throughput          types.Int64  `tfsdk:"throughput"`
	Encrypted           types.Bool   `tfsdk:"encrypted"`
	KMSKeyID            types.String `tfsdk:"kms_key_id"`
	DeleteOnTermination types.Bool   `tfsdk:"delete_on_termination"`
}

// metadataOptions are those of the instance metadata service.
type metadataOptions struct {
	HTTPTokens types.String `tfsdk:"http_tokens"`
	HopLimit   types.Int64  `tfsdk:"http_put_response_hop_limit"`
}

var (
	eipTypes     = map[string]attr.Type{"allocation_id": types.StringType, "allocate": types.BoolType}
	networkTypes = map[string]attr.Type{
		"public_ip": types.BoolType, "private_ip": types.StringType,
		"eip": types.ObjectType{AttrTypes: eipTypes}, "ipv6_address_count": types.Int64Type,
	}
	rootVolumeTypes = map[string]attr.Type{
		"size_gib": types.Int64Type, "type": types.StringType, "iops": types.Int64Type, "throughput": types.Int64Type,
		"encrypted": types.BoolType, "kms_key_id": types.StringType, "delete_on_termination": types.BoolType,
	}
	metadataTypes = map[string]attr.Type{
		"http_tokens": types.StringType, "http_put_response_hop_limit": types.Int64Type,
	}
)

// asTarget treats null and unknown objects as empty ones.
var asTarget = basetypes.ObjectAsOptions{UnhandledNullAsEmpty: true, UnhandledUnknownAsEmpty: true}

// object reads a nested object; a null or unknown one is the zero value, whose
// members are null.
func object[T any](ctx context.Context, o types.Object, diags *diag.Diagnostics) T {
	var out T
	if o.IsNull() || o.IsUnknown() {
		return out
	}
	diags.Append(o.As(ctx, &out, asTarget)...)
	return out
}

func newObject(ctx context.Context, attrs map[string]attr.Type, from any, diags *diag.Diagnostics) types.Object {
	o, d := types.ObjectValueFrom(ctx, attrs, from)
	diags.Append(d...)
	return o
}
