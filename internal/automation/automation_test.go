package automation

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const home = "us-east-1"

// newBase is a base on a simulated account with one machine, whose id it
// returns.
func newBase(t *testing.T, change ...func(*clients.Options)) (*base, *aws.Simulator, string) {
	t.Helper()
	sim, err := aws.New(aws.Options{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	o := clients.Options{
		AWS: awsconf.Options{
			AccessKey: "AKIAEXAMPLE", SecretKey: "x", Region: home, Version: "test",
			Endpoints: map[awsconf.Service]string{awsconf.EC2: server.URL, awsconf.STS: server.URL},
		},
		ManagedTags: instance.ManagedTags{Enabled: true},
	}
	for _, f := range change {
		f(&o)
	}
	b := &base{set: clients.New(o)}
	in, err := b.ec2(t).Launch(context.Background(), instance.Launch{
		ImageID: aws.SeededID("ami", home, aws.SerialImage290), InstanceTypes: []string{"m8i.2xlarge"},
		SubnetIDs: []string{aws.SeededID("subnet", home, aws.SerialSubnetA)},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b, sim, in.ID
}

func (b *base) ec2(t *testing.T) *instance.Client {
	t.Helper()
	ec2, err := b.set.Instances(context.Background(), home)
	if err != nil {
		t.Fatal(err)
	}
	return ec2
}

func text(diags diag.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		b.WriteString(d.Severity().String() + ": " + d.Summary() + ": " + d.Detail() + "\n")
	}
	return b.String()
}

func TestMark(t *testing.T) {
	b, sim, id := newBase(t)
	ctx, ec2 := context.Background(), b.ec2(t)
	tag := func() string { return sim.Region(home).Tags(id)["cml:schedule:lab"] }
	var diags diag.Diagnostics
	sim.Faults.Add(wire.Rule{Operation: "CreateTags", Times: 1, Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403}})
	b.mark(ctx, ec2, id, instance.MarkerSchedule+"lab", "default", &diags)
	if got := text(diags); !strings.Contains(got, "Warning: A tag could not be written") || !strings.Contains(got, "could not be written:") || tag() != "" {
		t.Errorf("without permission: %s", got)
	}
	diags = nil
	b.mark(ctx, ec2, id, instance.MarkerSchedule+"lab", "default", &diags)
	if got := tag(); got != "default" || len(diags) > 0 {
		t.Errorf("the tag is %q: %s", got, text(diags))
	}
	sim.Faults.Add(wire.Rule{Operation: "DeleteTags", Times: 1, Fault: wire.Fault{Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403}})
	b.unmark(ctx, ec2, id, instance.MarkerSchedule+"lab", &diags)
	if got := text(diags); !strings.Contains(got, "Warning: A tag could not be written") || tag() == "" {
		t.Errorf("without permission: %s", got)
	}
	diags = nil
	b.unmark(ctx, ec2, id, instance.MarkerSchedule+"lab", &diags)
	b.unmark(ctx, ec2, "i-0123456789abcdef0", instance.MarkerSchedule+"lab", &diags)
	if got := tag(); got != "" || len(diags) > 0 {
		t.Errorf("the tag is %q: %s", got, text(diags))
	}
}

func TestNoMarkWithoutManagedTags(t *testing.T) {
	b, sim, id := newBase(t, func(o *clients.Options) { o.ManagedTags.Enabled = false })
	var diags diag.Diagnostics
	b.mark(context.Background(), b.ec2(t), id, instance.MarkerIdlePolicy, "x", &diags)
	if tags := sim.Region(home).Tags(id); len(tags) > 0 || len(diags) > 0 {
		t.Errorf("tags %v: %s", tags, text(diags))
	}
}

func TestRefuseProtected(t *testing.T) {
	b, sim, id := newBase(t)
	refused := func(region, worker types.String) string {
		var diags diag.Diagnostics
		b.refuseProtected(context.Background(), planning, region, worker, "nothing could stop it", &diags)
		return text(diags)
	}
	if got := refused(types.StringValue(home), types.StringValue(id)); got != "" {
		t.Error(got)
	}
	sim.Region(home).SetProtection(id, true, true)
	if got := refused(types.StringUnknown(), types.StringValue(id)); !strings.Contains(got, "Error: The worker has stop protection") {
		t.Errorf("a protected worker passes: %q", got)
	}
	if got := refused(types.StringValue(home), types.StringUnknown()); got != "" {
		t.Errorf("an unknown worker: %s", got)
	}
}

// What the plan of the worker makes of its protection counts in a plan, and what
// EC2 has in an apply.
func TestProtectionOfThisPlan(t *testing.T) {
	on, off := true, false
	for name, c := range map[string]struct {
		now     bool
		planned *bool
		refused bool
	}{
		"lifted":              {true, &off, false},
		"known only in apply": {true, nil, false},
		"switched on":         {false, &on, true},
	} {
		t.Run(name, func(t *testing.T) {
			b, sim, id := newBase(t)
			sim.Region(home).SetProtection(id, false, c.now)
			b.set.PlanStopProtection(id, c.planned)
			b.set.PlanStopProtection("i-0123456789abcdef0", &on)
			for when, want := range map[phase]bool{planning: c.refused, applying: c.now} {
				var refusal, warning diag.Diagnostics
				b.refuseProtected(context.Background(), when, types.StringValue(home), types.StringValue(id), "nothing stops it", &refusal)
				if refusal.HasError() != want {
					t.Errorf("planning is %t: %s", when, text(refusal))
				}
				b.warnProtected(context.Background(), types.StringValue(home), types.StringValue(id), "nothing stops it", &warning)
				if got := text(warning); strings.Contains(got, "[stop_protected]") != c.refused || warning.HasError() {
					t.Errorf("the warning is %q", got)
				}
			}
		})
	}
}

func TestRegions(t *testing.T) {
	b, _, _ := newBase(t)
	here, there := types.StringValue(home), types.StringValue("us-west-2")
	for name, c := range map[string]struct {
		config, plan, prior, want types.String
		replace                   bool
		warning                   string
	}{
		"left out":              {types.StringNull(), types.StringUnknown(), here, here, false, ""},
		"left out, elsewhere":   {types.StringNull(), types.StringUnknown(), there, there, false, "Region of state and provider differ"},
		"the same":              {here, here, here, here, false, ""},
		"another":               {there, there, here, there, true, ""},
		"known only in apply":   {types.StringUnknown(), types.StringUnknown(), here, types.StringUnknown(), true, ""},
		"the worker's, spelled": {there, there, there, there, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var diags diag.Diagnostics
			got, replace := b.planRegion(context.Background(), "The things", c.config, c.plan, c.prior, &diags)
			if !got.Equal(c.want) || replace != c.replace || !strings.Contains(text(diags), c.warning) || c.warning == "" && len(diags) > 0 {
				t.Errorf("got %s, %v: %s", got, replace, text(diags))
			}
		})
	}
	var diags diag.Diagnostics
	if got := b.importRegion(context.Background(), types.StringNull(), "x", &diags); !got.Equal(here) {
		t.Errorf("an import goes to %s: %s", got, text(diags))
	}
	if got := b.importRegion(context.Background(), there, "x", &diags); !got.Equal(there) {
		t.Errorf("a named region became %s", got)
	}
}
