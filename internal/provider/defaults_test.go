package provider_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/worker"
)

// Every wrong default and guard rail gets a diagnostic at its argument.
func TestWrongDefaults(t *testing.T) {
	t.Parallel()
	region := func(o obj) obj { return obj{"region_defaults": obj{"us-east-1": o}} }
	defaults := func(o obj) obj { return obj{"worker_defaults": o} }
	rails := func(o obj) obj { return obj{"guardrails": o} }
	const entry = `AttributeName("region_defaults").ElementKeyString("us-east-1").`
	for name, c := range map[string]struct {
		config obj
		path   string
		words  string
	}{
		"both types":         {defaults(obj{"instance_type": "m8i.large", "instance_types": list{"m8i.large"}}), `AttributeName("worker_defaults").AttributeName("instance_type")`, "instance_types"},
		"type":               {defaults(obj{"instance_type": "m8i"}), `AttributeName("worker_defaults").AttributeName("instance_type")`, "m8i.2xlarge"},
		"type twice":         {defaults(obj{"instance_types": list{"m8i.large", "m8i.large"}}), `AttributeName("worker_defaults").AttributeName("instance_types")`, "duplicate"},
		"size":               {defaults(obj{"root_volume": obj{"size_gib": -1}}), `AttributeName("worker_defaults").AttributeName("root_volume").AttributeName("size_gib")`, "between 1"},
		"iops of gp2":        {defaults(obj{"root_volume": obj{"type": "gp2", "iops": 4000}}), `AttributeName("worker_defaults").AttributeName("root_volume").AttributeName("iops")`, "gp2"},
		"throughput of io2":  {defaults(obj{"root_volume": obj{"type": "io2", "iops": 4000, "throughput": 200}}), `AttributeName("worker_defaults").AttributeName("root_volume").AttributeName("throughput")`, "io2"},
		"io2 without iops":   {defaults(obj{"root_volume": obj{"type": "io2"}}), `AttributeName("worker_defaults").AttributeName("root_volume").AttributeName("iops")`, "needs"},
		"key in plain":       {defaults(obj{"root_volume": obj{"encrypted": false, "kms_key_id": "alias/x"}}), `AttributeName("worker_defaults").AttributeName("root_volume").AttributeName("kms_key_id")`, "encrypted"},
		"timeout":            {defaults(obj{"readiness": obj{"timeout": "600"}}), `AttributeName("worker_defaults").AttributeName("readiness").AttributeName("timeout")`, `"600s"`},
		"interval":           {defaults(obj{"readiness": obj{"interval": "-5s"}}), `AttributeName("worker_defaults").AttributeName("readiness").AttributeName("interval")`, "out of range"},
		"address kind":       {defaults(obj{"controller": obj{"address_preference": list{"public"}}}), `AttributeName("worker_defaults").AttributeName("controller").AttributeName("address_preference").ElementKeyInt(0)`, `"public_ip"`},
		"port":               {defaults(obj{"controller": obj{"port": 0}}), `AttributeName("worker_defaults").AttributeName("controller").AttributeName("port")`, "65535"},
		"hop limit":          {defaults(obj{"metadata_options": obj{"http_put_response_hop_limit": 65}}), `AttributeName("worker_defaults").AttributeName("metadata_options").AttributeName("http_put_response_hop_limit")`, "64"},
		"region key":         {obj{"region_defaults": obj{"us-east-1a": obj{}}}, `AttributeName("region_defaults").ElementKeyString("us-east-1a")`, `The region is "us-east-1"`},
		"both images":        {region(obj{"ami_id": "ami-1", "ami_filter": obj{"name_pattern": "CML-*"}}), entry + `AttributeName("ami_id")`, "ami_filter"},
		"image":              {region(obj{"ami_id": "CML-2.9"}), entry + `AttributeName("ami_id")`, "ami-0123456789abcdef0"},
		"no pattern":         {region(obj{"ami_filter": obj{"owners": list{"self"}}}), entry + `AttributeName("ami_filter").AttributeName("name_pattern")`, "name_pattern"},
		"owner":              {region(obj{"ami_filter": obj{"name_pattern": "x", "owners": list{"me"}}}), entry + `AttributeName("ami_filter").AttributeName("owners").ElementKeyValue(tftypes.String<"me">)`, "self"},
		"version":            {region(obj{"ami_id": "ami-1", "expected_cml_version": "latest"}), entry + `AttributeName("expected_cml_version")`, "2.9"},
		"version alone":      {region(obj{"expected_cml_version": "2.9.0"}), entry + `AttributeName("expected_cml_version")`, "image"},
		"vpc":                {region(obj{"vpc_id": "default"}), entry + `AttributeName("vpc_id")`, "vpc-"},
		"subnet":             {region(obj{"subnet_ids": list{"a"}}), entry + `AttributeName("subnet_ids").ElementKeyInt(0)`, "subnet-"},
		"group":              {region(obj{"security_group_ids": list{"default"}}), entry + `AttributeName("security_group_ids").ElementKeyValue(tftypes.String<"default">)`, "sg-"},
		"allowed region":     {rails(obj{"allowed_regions": list{"virginia"}}), `AttributeName("guardrails").AttributeName("allowed_regions").ElementKeyValue(tftypes.String<"virginia">)`, "us-east-1"},
		"glob without a dot": {rails(obj{"allowed_instance_types": list{"m8i"}}), `AttributeName("guardrails").AttributeName("allowed_instance_types").ElementKeyValue(tftypes.String<"m8i">)`, `"m8i.*"`},
		"glob":               {rails(obj{"allowed_instance_types": list{"m[58]i.*"}}), `AttributeName("guardrails").AttributeName("allowed_instance_types").ElementKeyValue(tftypes.String<"m[58]i.*">)`, "wildcards"},
		"severity":           {rails(obj{"capability_check": "fail"}), `AttributeName("guardrails").AttributeName("capability_check")`, `"error"`},
		"quota severity":     {rails(obj{"quota_check": "on"}), `AttributeName("guardrails").AttributeName("quota_check")`, `"error"`},
		"negative limit":     {rails(obj{"max_hourly_cost": -0.5}), `AttributeName("guardrails").AttributeName("max_hourly_cost")`, "between"},
		"unknown price":      {rails(obj{"on_unknown_price": "off"}), `AttributeName("guardrails").AttributeName("on_unknown_price")`, `"error"`},
		"preflight severity": {rails(obj{"preflight": "yes"}), `AttributeName("guardrails").AttributeName("preflight")`, `"error"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			for _, d := range validate(t, c.config) {
				text := d.Summary + ": " + d.Detail
				if d.Severity == tfprotov6.DiagnosticSeverityError && d.Attribute.String() == c.path && strings.Contains(text, c.words) {
					return
				}
				seen = append(seen, d.Attribute.String()+" "+text)
			}
			t.Errorf("no error at %s with %q, but %q", c.path, c.words, seen)
		})
	}
}

// The maps of the specification (e.1), unknown values and empty lists are good.
func TestGoodDefaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]obj{
		"specification": {
			"worker_defaults": obj{"instance_type": "m8i.2xlarge", "root_volume": obj{"size_gib": 200}, "readiness": obj{"timeout": "10m", "interval": "5s"},
				"controller": obj{"address_preference": list{"eip", "public_ip", "private_ip"}}},
			"region_defaults": obj{
				"us-east-1": obj{"ami_filter": obj{"name_pattern": "CML-2.9.*", "owners": list{"self"}}, "vpc_id": "vpc-0123", "subnet_ids": list{"subnet-0aaa", "subnet-0bbb"},
					"security_group_ids": list{"sg-0123"}, "key_name": "cml-use1", "network": obj{"public_ip": true}},
				"us-west-2": obj{"ami_id": "ami-0987654321fedcba0", "subnet_ids": list{"subnet-0ccc"}, "security_group_ids": list{"sg-0456"}},
			},
			"guardrails": obj{"allowed_regions": list{"us-east-1", "us-west-2", "eu-west-1"}, "allowed_instance_types": list{"m8i.*", "c8i.*", "r8i.*", "m5zn.metal"},
				"max_hourly_cost": 5.0, "on_unknown_price": "warn", "capability_check": "warn", "quota_check": "warn", "preflight": "off"},
		},
		"empty":          {"worker_defaults": obj{}, "region_defaults": obj{}, "guardrails": obj{"allowed_regions": list{}, "allowed_instance_types": list{}}},
		"another AWS":    {"skip_region_validation": true, "region_defaults": obj{"RegionOne": obj{}}, "guardrails": obj{"allowed_regions": list{"RegionOne"}}},
		"unknown":        {"worker_defaults": unknown{}, "region_defaults": unknown{}, "guardrails": unknown{}},
		"unknown entry":  {"region_defaults": obj{"us-east-1": unknown{}}},
		"unknown filter": {"region_defaults": obj{"us-east-1": obj{"ami_filter": unknown{}, "expected_cml_version": "2.9.0"}}},
		"unknown members": {"worker_defaults": obj{"root_volume": obj{"type": unknown{}, "iops": 4000}, "network": unknown{}},
			"region_defaults": obj{"us-east-1": obj{"ami_filter": obj{"name_pattern": unknown{}}, "subnet_ids": list{unknown{}}}},
			"guardrails":      obj{"allowed_regions": list{unknown{}}, "preflight": unknown{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := validate(t, c); len(got) != 0 {
				t.Errorf("%s: %s at %s", got[0].Summary, got[0].Detail, got[0].Attribute)
			}
		})
	}
}

func TestGuardrailsAreConfigured(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   any
		want clients.Guardrails
	}{
		"none": {nil, clients.Guardrails{CapabilityCheck: clients.Warn, QuotaCheck: clients.Warn, Preflight: clients.Off, OnUnknownPrice: clients.Warn}},
		"all": {obj{"allowed_regions": list{"us-east-1"}, "allowed_instance_types": list{"m8i.*"}, "capability_check": "error", "quota_check": "off", "preflight": "warn", "max_hourly_cost": 0.1, "on_unknown_price": "error"},
			clients.Guardrails{AllowedRegions: []string{"us-east-1"}, AllowedInstanceTypes: []string{"m8i.*"}, CapabilityCheck: clients.Error, QuotaCheck: clients.Off, Preflight: clients.Warn, MaxHourlyCost: "0.1", OnUnknownPrice: clients.Error}},
		"limit known later": {obj{"max_hourly_cost": unknown{}}, clients.Guardrails{CapabilityCheck: clients.Warn, QuotaCheck: clients.Warn, Preflight: clients.Off, OnUnknownPrice: clients.Warn}},
		"unknown":           {unknown{}, clients.Guardrails{AllowedRegionsUnknown: true, AllowedInstanceTypesUnknown: true, CapabilityCheck: clients.Warn, QuotaCheck: clients.Warn, Preflight: clients.Off, OnUnknownPrice: clients.Warn}},
		"partly": {obj{"allowed_regions": list{"us-east-1", unknown{}}, "allowed_instance_types": unknown{}},
			clients.Guardrails{AllowedRegions: []string{"us-east-1"}, AllowedRegionsUnknown: true, AllowedInstanceTypesUnknown: true, CapabilityCheck: clients.Warn, QuotaCheck: clients.Warn, Preflight: clients.Off, OnUnknownPrice: clients.Warn}},
	} {
		set := configured(t, obj{"guardrails": c.in})
		if diff := cmp.Diff(c.want, set.Guardrails()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if u := set.UnknownArguments(); len(u) > 0 {
			t.Errorf("%s keeps a refresh waiting: %v", name, u)
		}
	}
}

func TestDefaultsAreConfigured(t *testing.T) {
	t.Parallel()
	set := configured(t, obj{
		"worker_defaults": obj{"instance_type": "m8i.large", "network": unknown{}, "controller": obj{"port": 8443, "via": unknown{}}, "root_volume": obj{"size_gib": 100}},
		"region_defaults": obj{"us-east-1": obj{"ami_id": "ami-1", "network": obj{"public_ip": true}, "subnet_ids": list{"subnet-1"}}, "us-west-2": unknown{}},
	})
	w := set.WorkerDefaults()
	if w.InstanceType.ValueString() != "m8i.large" || !w.PublicIP.IsUnknown() || w.Port.ValueInt64() != 8443 || !w.Via.IsUnknown() || !w.InstanceTypes.IsNull() ||
		w.RootVolume.Attributes()["size_gib"].(types.Int64).ValueInt64() != 100 || !w.KeyName.IsNull() || !w.AMIID.IsNull() {
		t.Errorf("worker_defaults: %+v", w)
	}
	east, ok, used := set.RegionDefaults("us-east-1")
	if !ok || !used || east.AMIID.ValueString() != "ami-1" || !east.PublicIP.ValueBool() || len(east.SubnetIDs.Elements()) != 1 || !east.AMIFilter.IsNull() {
		t.Errorf("us-east-1: %+v", east)
	}
	if west, ok, _ := set.RegionDefaults("us-west-2"); !ok || !west.AMIID.IsUnknown() || !west.SubnetIDs.IsUnknown() || !west.AMIFilter.IsUnknown() || !west.PublicIP.IsUnknown() {
		t.Errorf("us-west-2: %+v", west)
	}
	if _, ok, used := set.RegionDefaults("eu-west-1"); ok || !used || set.RegionDefaultsUnknown() {
		t.Error("eu-west-1 has an entry")
	}
	if _, _, used := configured(t, obj{}).RegionDefaults("us-east-1"); used {
		t.Error("an empty block has entries")
	}
	if !configured(t, obj{"region_defaults": unknown{}}).RegionDefaultsUnknown() {
		t.Error("an unknown map is known")
	}
}

// The defaults have the worker's own names and types, so that one may be moved
// to the other.
func TestDefaultsAreArgumentsOfTheWorker(t *testing.T) {
	t.Parallel()
	var resp resource.SchemaResponse
	worker.NewResource().Schema(t.Context(), resource.SchemaRequest{}, &resp)
	of := func(o attr.Type) map[string]attr.Type { return o.(types.ObjectType).AttrTypes }
	own := of(resp.Schema.Type())
	var same func(path string, defaults, own map[string]attr.Type)
	same = func(path string, defaults, own map[string]attr.Type) {
		for name, d := range defaults {
			w, ok := own[name]
			_, nested := d.(types.ObjectType)
			switch {
			case name == "vpc_id":
			case !ok:
				t.Errorf("%s%s is no argument of cml_worker", path, name)
			case nested:
				same(path+name+".", of(d), of(w))
			case !d.Equal(w):
				t.Errorf("%s%s is %s, the worker's %s", path, name, d, w)
			}
		}
	}
	s := providerSchema(t)
	regions := s.Attributes["region_defaults"].(schema.MapNestedAttribute)
	same("worker_defaults.", of(s.Attributes["worker_defaults"].GetType()), own)
	same("region_defaults.", of(regions.NestedObject.Type()), own)
	// These are planned as whole objects, so that all members must be there.
	for _, whole := range []string{"root_volume", "metadata_options"} {
		if !of(s.Attributes["worker_defaults"].GetType())[whole].Equal(own[whole]) {
			t.Errorf("%s differs from the worker's", whole)
		}
	}
	if !of(regions.NestedObject.Type())["ami_filter"].Equal(own["ami_filter"]) {
		t.Error("ami_filter differs from the worker's")
	}
	for name, a := range regions.NestedObject.Attributes {
		if !a.IsOptional() || a.IsRequired() || !strings.HasSuffix(a.GetMarkdownDescription(), ".") {
			t.Errorf("region_defaults.%s: %q", name, a.GetMarkdownDescription())
		}
	}
}
