package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

var bothRegions = []any{west, region}

// lists serves the list of workers of a world.
func lists(t *testing.T, w *acctest.World, more object) *protocol.ListResource {
	t.Helper()
	return protocol.Serve(t, w, more).ListResource("cml_worker")
}

// listed are the ids of all events, which must be good.
func listed(t *testing.T, all []protocol.Listed) []string {
	t.Helper()
	out := []string{}
	for _, one := range all {
		if len(one.Diagnostics) > 0 {
			t.Error(protocol.Show(one.Diagnostics))
		}
		out = append(out, protocol.Text(t, one.Identity, "id"))
	}
	return out
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	p := newPark(t)
	one := p.launch(region, "one", aws.SerialImage290, "m8i.2xlarge", map[string]string{"cml:managed-by": "terraform-provider-cml", "Owner": "netops", "Stage": "prod"})
	two := p.launch(region, "two", aws.SerialImage291, "c5.2xlarge", map[string]string{"Owner": "netops"})
	far := p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", nil)
	over := p.launch(region, "over", aws.SerialImage290, "m8i.2xlarge", nil)
	grouped := p.launch(west, "grouped", aws.SerialImage290, "m8i.2xlarge", nil)
	p.AWS.Region(region).TerminateOutside(over)
	p.AWS.Region(west).SetTags(grouped, map[string]string{"aws:autoscaling:groupName": "labs"})
	p.stop(region, two)
	a, b := sorted(one, two)
	farA, farB := sorted(far, grouped)
	l := lists(t, p.World, nil)
	p.Recorder.Reset()
	for name, c := range map[string]struct {
		config object
		want   []string
	}{
		"nothing":        {nil, []string{a, b}},
		"both regions":   {object{"regions": bothRegions}, []string{a, b, far}},
		"a region twice": {object{"regions": []any{west, west}}, []string{far}},
		"states":         {object{"regions": bothRegions, "states": []any{"running"}}, []string{one, far}},
		"types":          {object{"regions": bothRegions, "instance_types": []any{"c5.2xlarge", "c5.4xlarge"}}, []string{two}},
		"tags":           {object{"regions": bothRegions, "tags": object{"Owner": "netops", "Stage": "prod"}}, []string{one}},
		"an image":       {object{"regions": bothRegions, "ami_id": aws.SeededID("ami", region, aws.SerialImage291)}, []string{two}},
		"a pattern":      {object{"regions": bothRegions, "ami_name_pattern": "CML-2.9.0*"}, []string{one, far}},
		"owners":         {object{"regions": bothRegions, "ami_name_pattern": "CML-2.9.?-*", "ami_owners": []any{"self"}}, []string{a, b, far}},
		"other owners":   {object{"regions": bothRegions, "ami_name_pattern": "CML-*", "ami_owners": []any{"999999999999"}}, []string{}},
		"managed":        {object{"regions": bothRegions, "managed_only": true}, []string{one}},
		"groups, too":    {object{"regions": bothRegions, "include_auto_scaled": true}, []string{a, b, farA, farB}},
	} {
		if all := l.ValidateList(c.config); len(all) > 0 {
			t.Errorf("%s: %s", name, protocol.Show(all))
		}
		if got := listed(t, l.All(c.config, false)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if n := p.Recorder.Count("cml", "") + p.Recorder.Count("ec2", "DescribeVolumes"); n > 0 {
		t.Errorf("%d questions that names and identities do not need", n)
	}

	all := l.All(object{"regions": []any{west}, "include_auto_scaled": true}, false)
	slices.SortFunc(all, func(a, b protocol.Listed) int { return strings.Compare(a.DisplayName, b.DisplayName) })
	for n, want := range []string{"far", grouped} { // an id sorts after this name
		one := all[n]
		if one.DisplayName != want || !one.Resource.IsNull() {
			t.Errorf("shown as %q with %s, want %q alone", one.DisplayName, one.Resource, want)
		}
		if protocol.Text(t, one.Identity, "region") != west || protocol.Text(t, one.Identity, "account_id") != aws.DefaultAccountID {
			t.Errorf("identity %s", one.Identity)
		}
	}
}

// A worker of the list is the one that an import and its refresh give, in every
// attribute, and what Terraform generates of it plans nothing.
func TestListGivesWhatAnImportGives(t *testing.T) {
	t.Parallel()
	p := newPark(t)
	marked := map[string]string{"cml:managed-by": "terraform-provider-cml", "cml:port": fmt.Sprint(p.Port()), "cml:hostname": "lab.example.net", "Owner": "netops"}
	p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", marked)
	ended := p.launch(region, "stopped", aws.SerialImage291, "m8i.2xlarge", nil)
	if _, err := p.EC2(region).Launch(t.Context(), instance.Launch{
		Name: "old", ImageID: image, InstanceTypes: []string{"c5.2xlarge"}, SubnetIDs: []string{subnetA},
		RootVolume: instance.RootVolume{Type: ptr("gp2"), Encrypted: ptr(false)}, Metadata: instance.MetadataOptions{HTTPTokens: "optional", HopLimit: 3},
		Tags: map[string]string{"Name": "old"},
	}, nil); err != nil {
		t.Fatal(err)
	}
	p.stop(region, ended)
	admin := p.CML.Admin()
	server := protocol.Serve(t, p.World, object{"controller": object{"port": p.Port(), "username": admin.Username, "password": admin.Password}})
	worker := server.Resource("cml_worker")

	p.Recorder.Reset()
	all := server.ListResource("cml_worker").All(object{"regions": bothRegions}, true)
	if len(all) != 3 {
		t.Fatalf("%d workers: %+v", len(all), all)
	}
	for _, r := range p.Recorder.All() {
		if r.Service == "ec2" && !slices.Contains([]string{"DescribeInstances", "DescribeImages", "DescribeVolumes"}, r.Operation) {
			t.Errorf("the list asked for %s", r.Operation)
		}
	}
	for _, one := range all {
		worker.Good(one.Diagnostics)
		kept, diags := worker.Import(one.Identity)
		worker.Good(diags)
		diffs, err := kept.State.Diff(one.Resource)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range diffs {
			if d.Path.String() != tftypes.NewAttributePath().WithAttributeName("revision").String() { // a nonce
				t.Errorf("%s: %s", one.DisplayName, d)
			}
		}
		config := worker.Generated(one.Resource)
		if refused := worker.Validate(config); protocol.Has(refused, protocol.Failure, "") {
			t.Errorf("%s: %s", one.DisplayName, protocol.Show(refused))
		}
		if diffs, err = kept.State.Diff(worker.Planned(kept, config)); err != nil {
			t.Fatal(err)
		}
		for _, d := range diffs {
			t.Errorf("%s: the plan is not empty: %s", one.DisplayName, d)
		}
	}
}

// Who has seen enough stops the list: no page is asked for that nobody wants.
func TestListStops(t *testing.T) {
	t.Parallel()
	p := newPark(t, func(o *simulator.Options) { o.AWS.PageSize = 1 })
	for n := range 5 {
		p.launch(region, fmt.Sprint("lab-", n), aws.SerialImage290, "m8i.2xlarge", nil)
	}
	l := lists(t, p.World, nil)
	if got := listed(t, l.All(nil, false)); len(got) != 5 {
		t.Errorf("without a limit: %v", got)
	}
	for name, c := range map[string]struct {
		limit int64
		stop  int
		want  int
	}{"at the limit": {2, 99, 2}, "with the consumer": {0, 1, 1}, "at the end": {99, 99, 5}} {
		for _, whole := range []bool{false, true} {
			// A second type tells the requests of this list from late ones of another.
			mark := fmt.Sprintf("m5.%dxlarge", c.want*2)
			if whole {
				mark = strings.Replace(mark, "m5", "m6i", 1)
			}
			p.Recorder.Reset()
			var got []protocol.Listed
			l.List(t.Context(), object{"instance_types": []any{"m8i.2xlarge", mark}}, whole, c.limit, func(one protocol.Listed) bool {
				got = append(got, one)
				return len(got) < c.stop
			})
			if len(listed(t, got)) != c.want {
				t.Errorf("%s: %d results, want %d", name, len(got), c.want)
			}
			pages := len(p.Recorder.Filter(func(r wire.Record) bool {
				return r.Operation == "DescribeInstances" && strings.Contains(fmt.Sprint(r.Params), mark)
			}))
			// The next page may be under way, or even waiting.
			if pages < c.want || pages > c.want+1 {
				t.Errorf("%s: %d pages for %d results", name, pages, c.want)
			}
			if volumes := p.Recorder.Count("ec2", "DescribeVolumes"); whole && volumes > c.want {
				t.Errorf("%s: %d questions for volumes of %d results", name, volumes, c.want)
			}
		}
	}
}

// A region that fails is not an empty one, and not the end of the others.
func TestListFailedRegion(t *testing.T) {
	t.Parallel()
	p := newPark(t)
	far := p.launch(west, "far", aws.SerialImage290, "m8i.2xlarge", nil)
	deny := func(operation, in string) {
		p.Faults.Add(wire.Rule{Service: "ec2", Operation: operation, Match: map[string]string{"Region": in}, Fault: wire.Fault{
			Kind: wire.Error, Code: "UnauthorizedOperation", Status: 403, Message: "You are not authorized to perform this operation."}})
	}
	l, here := lists(t, p.World, nil), object{"regions": bothRegions}

	deny("DescribeInstances", region)
	all := l.All(here, false)
	if len(all) != 1 || protocol.Text(t, all[0].Identity, "id") != far || !protocol.Has(all[0].Diagnostics, protocol.Warning, "The workers in us-east-1 are not known") {
		t.Errorf("got %+v", all)
	}
	// Also where nothing is found elsewhere.
	all = l.All(object{"regions": bothRegions, "states": []any{"stopped"}}, false)
	if len(all) != 1 || !all[0].Identity.IsNull() || !protocol.Has(all[0].Diagnostics, protocol.Warning, "[region_failed]") {
		t.Errorf("got %+v", all)
	}
	for name, config := range map[string]object{"the only one": nil, "the last one": {"regions": []any{region, region}}} {
		if all = l.All(config, false); len(all) != 1 || !protocol.Has(all[0].Diagnostics, protocol.Failure, "ec2:DescribeInstances") {
			t.Errorf("%s: got %+v", name, all)
		}
	}
	p.Faults.Clear()

	deny("DescribeImages", west)
	if all = l.All(object{"regions": []any{west}, "ami_name_pattern": "CML-*"}, false); len(all) != 1 || !protocol.Has(all[0].Diagnostics, protocol.Failure, "ec2:DescribeImages") {
		t.Errorf("which workers fit is not known, and the list is %+v", all)
	}
	// What only belongs to the resource is null, as after an import.
	deny("DescribeVolumes", west)
	all = l.All(object{"regions": []any{west}}, true)
	if len(all) != 1 || protocol.Text(t, all[0].Resource, "ami_name") != "(null)" || protocol.Text(t, all[0].Resource, "root_volume") != "(null)" ||
		!protocol.Has(all[0].Diagnostics, protocol.Warning, "The root volume") {
		t.Errorf("got %+v", all)
	}
	if n := len(p.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "DescribeImages" && r.StatusCode == 403 })); n != 2 {
		t.Errorf("%d questions for images that may not be read, want one a list", n)
	}
}

// A list that is interrupted is not one that found nothing.
func TestListInterrupted(t *testing.T) {
	t.Parallel()
	p := newPark(t, func(o *simulator.Options) { o.AWS.PageSize = 1 })
	for n := range 5 {
		p.launch(region, fmt.Sprint("lab-", n), aws.SerialImage290, "m8i.2xlarge", nil)
	}
	l := lists(t, p.World, nil)
	for name, first := range map[string]int{"before it": 0, "in the middle": 1} {
		ctx, cancel := context.WithCancel(t.Context())
		t.Cleanup(cancel)
		if first == 0 {
			cancel()
		}
		var got []protocol.Listed
		l.List(ctx, nil, true, 100, func(one protocol.Listed) bool {
			cancel()
			got = append(got, one)
			return true
		})
		if len(got) != first+1 || !protocol.Has(got[first].Diagnostics, protocol.Failure, "Unable to look up CML workers") {
			t.Errorf("%s: got %d: %+v", name, len(got), got)
		}
	}
}

func TestListRefuses(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	l := lists(t, w, nil)
	for name, c := range map[string]struct {
		config object
		at     string
	}{
		"no regions":         {object{"regions": []any{}}, "regions"},
		"a zone":             {object{"regions": []any{"us-east-1a"}}, "regions[0]"},
		"a state":            {object{"states": []any{"terminated"}}, "states[0]"},
		"a type":             {object{"instance_types": []any{"huge"}}, "instance_types[0]"},
		"image and pattern":  {object{"ami_id": image, "ami_name_pattern": "*"}, "ami_id"},
		"owners without use": {object{"ami_owners": []any{"self"}}, "ami_owners"},
	} {
		all := l.ValidateList(c.config)
		if !slices.ContainsFunc(all, func(d *tfprotov6.Diagnostic) bool { return protocol.Path(d) == c.at }) {
			t.Errorf("%s: %s", name, protocol.Show(all))
		}
	}
	only := func(all []protocol.Listed, want string) {
		t.Helper()
		if len(all) != 1 || !protocol.Has(all[0].Diagnostics, protocol.Failure, want) {
			t.Errorf("got %+v, want %q", all, want)
		}
	}
	only(lists(t, w, object{"managed_tags": object{"enabled": false}}).All(object{"managed_only": true}, false), "Managed tags are off")
	only(lists(t, w, object{"controller": object{"port": protocol.Unknown{}}}).All(nil, false), "The provider's controller.port will be known only after apply")
	if n := len(w.Recorder.All()); n > 0 {
		t.Errorf("%d requests for what cannot be right", n)
	}
}
