package worker

import (
	"context"
	"encoding/base64"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// expandLaunch turns a planned worker into a launch. Unknown members are left
// to EC2. tags are all of them, Name and markers included.
func expandLaunch(ctx context.Context, m *model, data []byte, tags map[string]string, diags *diag.Diagnostics) instance.Launch {
	n := object[network](ctx, m.Network, diags)
	v := object[rootVolume](ctx, m.RootVolume, diags)
	meta := object[metadataOptions](ctx, m.MetadataOptions, diags)
	types := attribute.Strings(m.InstanceTypes)
	if len(types) == 0 {
		types = []string{m.InstanceType.ValueString()}
	}
	return instance.Launch{
		Name: m.Name.ValueString(), ImageID: m.AMIID.ValueString(), KeyName: m.KeyName.ValueString(),
		IAMInstanceProfile: m.IAMInstanceProfile.ValueString(),
		InstanceTypes:      types, SubnetIDs: attribute.Strings(m.SubnetIDs), SecurityGroupIDs: attribute.Strings(m.SecurityGroupIDs),
		PublicIP: boolPointer(n.PublicIP), PrivateIP: n.PrivateIP.ValueString(),
		RootVolume: instance.RootVolume{
			SizeGiB: int32Pointer(v.SizeGiB), Type: stringPointer(v.Type), IOPS: int32Pointer(v.IOPS), Throughput: int32Pointer(v.Throughput),
			Encrypted: boolPointer(v.Encrypted), KMSKeyID: stringPointer(v.KMSKeyID), DeleteOnTermination: boolPointer(v.DeleteOnTermination),
		},
		Metadata:             expandMetadata(meta),
		Monitoring:           m.Monitoring.ValueBool(),
		UserData:             data,
		NestedVirtualization: m.Nested.ValueString(),
		Protection:           protectionOf(m),
		Spot:                 expandSpot(object[market](ctx, m.Market, diags)),
		IPv6Count:            int32(n.IPv6Count.ValueInt64()),
		Tags:                 tags,
	}
}

func expandSpot(m market) *instance.Spot {
	if m.Type.ValueString() != "spot" {
		return nil
	}
	return &instance.Spot{MaxPrice: m.MaxPrice.ValueString(), Interruption: m.Interruption.ValueString()}
}

func expandMetadata(m metadataOptions) instance.MetadataOptions {
	return instance.MetadataOptions{HTTPTokens: m.HTTPTokens.ValueString(), HopLimit: int32(m.HopLimit.ValueInt64())}
}

// userData is the raw text of the argument name.
func userData(name, text string) []byte {
	if name == "user_data_base64" {
		// The schema has checked the alphabet.
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil {
			return raw
		}
	}
	return []byte(text)
}

// configuredUserData returns the user data, whichever of the three arguments
// holds it; nil for none. The write-only one is in the configuration alone.
func configuredUserData(plan *model, writeOnly types.String) []byte {
	switch {
	case known(plan.UserData):
		return userData("user_data", plan.UserData.ValueString())
	case known(plan.UserDataBase64):
		return userData("user_data_base64", plan.UserDataBase64.ValueString())
	case known(writeOnly):
		return userData("user_data_wo", writeOnly.ValueString())
	}
	return nil
}

func boolPointer(v types.Bool) *bool {
	if !known(v) {
		return nil
	}
	return v.ValueBoolPointer()
}

func stringPointer(v types.String) *string {
	if !known(v) || v.ValueString() == "" {
		return nil
	}
	return v.ValueStringPointer()
}

func int32Pointer(v types.Int64) *int32 {
	if !known(v) {
		return nil
	}
	n := int32(v.ValueInt64())
	return &n
}
