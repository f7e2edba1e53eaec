package worker

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// What an answer leaves out has not changed: a figure or a key that is only not
// told must not be planned again at each run, and a key not as a replacement.
func TestVolumeThatIsTellingLittle(t *testing.T) {
	const arn = "arn:aws:kms:us-east-1:111122223333:key/0d990263"
	was := rootVolume{
		SizeGiB: types.Int64Value(100), Type: types.StringValue("gp3"), IOPS: types.Int64Value(4000), Throughput: types.Int64Value(250),
		Encrypted: types.BoolValue(true), KMSKeyID: types.StringValue(arn), DeleteOnTermination: types.BoolValue(true),
	}
	with := func(change func(*rootVolume)) rootVolume {
		v := was
		change(&v)
		return v
	}
	tests := map[string]struct {
		volume instance.Volume
		want   rootVolume
	}{
		"next to nothing": {instance.Volume{Type: "gp3", Encrypted: true, EncryptionTold: true}, was},
		"the key's id":    {instance.Volume{Type: "gp3", Encrypted: true, EncryptionTold: true, KMSKeyID: "0d990263"}, was},
		"another key": {instance.Volume{Type: "gp3", Encrypted: true, EncryptionTold: true, KMSKeyID: "other"}, with(func(v *rootVolume) {
			v.KMSKeyID = types.StringValue("other")
		})},
		"nothing of encryption": {instance.Volume{Type: "gp3"}, was},
		"no encryption": {instance.Volume{Type: "gp3", EncryptionTold: true}, with(func(v *rootVolume) {
			v.Encrypted, v.KMSKeyID = types.BoolValue(false), types.StringNull()
		})},
		"other figures": {instance.Volume{Type: "gp3", SizeGiB: 120, IOPS: 5000, Throughput: 300, Encrypted: true, EncryptionTold: true}, with(func(v *rootVolume) {
			v.SizeGiB, v.IOPS, v.Throughput = types.Int64Value(120), types.Int64Value(5000), types.Int64Value(300)
		})},
		"another type": {instance.Volume{Type: "gp2", IOPS: 300, Encrypted: true, EncryptionTold: true}, with(func(v *rootVolume) {
			v.Type, v.IOPS, v.Throughput = types.StringValue("gp2"), types.Int64Null(), types.Int64Null()
		})},
		"another type with IOPS": {instance.Volume{Type: "io2", IOPS: 300, Throughput: 75, Encrypted: true, EncryptionTold: true}, with(func(v *rootVolume) {
			v.Type, v.IOPS, v.Throughput = types.StringValue("io2"), types.Int64Value(300), types.Int64Null()
		})},
		"nothing of a type": {instance.Volume{IOPS: 4000, Encrypted: true, EncryptionTold: true}, with(func(v *rootVolume) {
			v.Type, v.IOPS, v.Throughput = types.StringNull(), types.Int64Value(4000), types.Int64Null()
		})},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var diags diag.Diagnostics
			prior := model{RootVolume: newObject(t.Context(), rootVolumeTypes, was, &diags)}
			got := flattenVolume(t.Context(), found{instance: &instance.Instance{}, volume: &test.volume}, &prior, &diags)
			if want := newObject(t.Context(), rootVolumeTypes, test.want, &diags); diags.HasError() || !got.Equal(want) {
				t.Errorf("got %s, want %s, %v", got, want, diags)
			}
		})
	}
}

func TestFigureThatIsNotTold(t *testing.T) {
	tests := map[string]struct {
		n         int32
		was, want types.Int64
	}{
		"told":          {2, types.Int64Value(1), types.Int64Value(2)},
		"not told":      {0, types.Int64Value(1), types.Int64Value(1)},
		"never told":    {0, types.Int64Null(), types.Int64Null()},
		"still unknown": {0, types.Int64Unknown(), types.Int64Null()},
	}
	for name, test := range tests {
		if got := told(test.n, test.was); !got.Equal(test.want) {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}
