package worker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// ear hears the warnings of plans, which Terraform only prints.
type ear struct {
	mu    sync.Mutex
	heard []string
	plans int
	// elsewhere are the warnings of refreshes and of apply.
	elsewhere []string
}

func (e *ear) texts() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.heard)
}

func (e *ear) has(text string) bool {
	return slices.ContainsFunc(e.texts(), func(s string) bool { return strings.Contains(s, text) })
}

func (e *ear) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard, e.elsewhere = nil, nil
}

type listening struct {
	tfprotov6.ProviderServer
	to *ear
}

func (l listening) PlanResourceChange(ctx context.Context, req *tfprotov6.PlanResourceChangeRequest) (*tfprotov6.PlanResourceChangeResponse, error) {
	resp, err := l.ProviderServer.PlanResourceChange(ctx, req)
	if resp != nil {
		l.to.mu.Lock()
		defer l.to.mu.Unlock()
		l.to.plans++
		for _, d := range resp.Diagnostics {
			if d.Severity == tfprotov6.DiagnosticSeverityWarning {
				l.to.heard = append(l.to.heard, d.Summary+": "+d.Detail)
			}
		}
	}
	return resp, err
}

func (l listening) ReadResource(ctx context.Context, req *tfprotov6.ReadResourceRequest) (*tfprotov6.ReadResourceResponse, error) {
	resp, err := l.ProviderServer.ReadResource(ctx, req)
	if resp != nil {
		l.to.note(resp.Diagnostics)
	}
	return resp, err
}

func (l listening) ApplyResourceChange(ctx context.Context, req *tfprotov6.ApplyResourceChangeRequest) (*tfprotov6.ApplyResourceChangeResponse, error) {
	resp, err := l.ProviderServer.ApplyResourceChange(ctx, req)
	if resp != nil {
		l.to.note(resp.Diagnostics)
	}
	return resp, err
}

func (e *ear) note(all []*tfprotov6.Diagnostic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, d := range all {
		if d.Severity == tfprotov6.DiagnosticSeverityWarning {
			e.elsewhere = append(e.elsewhere, d.Summary+": "+d.Detail)
		}
	}
}

// factories are those of acctest with an ear at the door.
func (e *ear) factories() map[string]func() (tfprotov6.ProviderServer, error) {
	return map[string]func() (tfprotov6.ProviderServer, error){"cml": func() (tfprotov6.ProviderServer, error) {
		s, err := acctest.Factories()["cml"]()
		return listening{s, e}, err
	}}
}

// guarded is config with Service Quotas and more in the provider block. The
// group of the worker lets everybody in.
func guarded(w *acctest.World, extra string, a args) string {
	return w.Provider(fmt.Sprintf("%s\nendpoints {\n servicequotas = %q\n}\n%s", w.Controller(false), w.Endpoint(), extra)) + worker(a)
}

// openGroup adds a group that lets everybody reach CML.
func openGroup(w *acctest.World) string {
	return fmt.Sprintf("[%q]", w.AWS.Region(region).AddSecurityGroup("open", aws.Rule{Protocol: "tcp", From: 1, To: 65535, CIDRv4: "0.0.0.0/0"}))
}

// guardCalls are the calls that only plan checks make, except for those that a
// launch makes as well.
func guardCalls(w *acctest.World) map[string]int {
	out := map[string]int{}
	for _, r := range w.Recorder.All() {
		switch r.Operation {
		case "DescribeInstanceTypes", "DescribeInstanceTypeOfferings", "DescribeSubnets", "DescribeSecurityGroups", "DescribeSecurityGroupRules", "GetServiceQuota", "RunInstances":
			out[r.Operation]++
		}
	}
	return out
}

// planCase is the plan of a new worker, and what it says: an error or warnings,
// and nothing else.
type planCase struct {
	rails    string
	args     args
	prepare  func(r *aws.Region)
	deny     []string
	warnings []string
	failure  string
}

// run plans the worker with a provider block in a world of its own.
func (c planCase) run(t *testing.T, provider func(w *acctest.World, extra string, a args) string) (*acctest.World, *ear) {
	t.Helper()
	w := acctest.NewWorld(t)
	a := args{"security_group_ids": openGroup(w)}
	for k, v := range c.args {
		a[k] = v
	}
	if c.prepare != nil {
		c.prepare(w.AWS.Region(region))
	}
	w.AWS.Deny(aws.DefaultAccountID, c.deny...)
	e := new(ear)
	step := resource.TestStep{Config: provider(w, c.rails, a), PlanOnly: true, ExpectNonEmptyPlan: true}
	if c.failure != "" {
		step.ExpectError = says(c.failure)
	}
	acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.factories(), Steps: []resource.TestStep{step}})
	for _, want := range c.warnings {
		if !e.has(want) {
			t.Errorf("no warning with %q in %q", want, e.texts())
		}
	}
	if len(c.warnings) == 0 && c.failure == "" && len(e.texts()) > 0 {
		t.Errorf("unexpected %q", e.texts())
	}
	return w, e
}

// TestChecksOfAPlan plans a new worker and looks at what the plan says.
func TestChecksOfAPlan(t *testing.T) {
	menu := func(types ...string) args {
		return args{"instance_type": "", "instance_types": `["` + strings.Join(types, `", "`) + `"]`}
	}
	rails := func(s string) string { return "guardrails = { " + s + " }" }
	for name, c := range map[string]planCase{
		"nothing to say": {},

		"region":          {rails: rails(`allowed_regions = ["us-west-2"]`), failure: "guardrails.allowed_regions do not have us-east-1"},
		"region allowed":  {rails: rails(`allowed_regions = ["us-west-2", "us-east-1"]`)},
		"no region named": {rails: rails(`allowed_regions = []`)},

		"no such region": {args: args{"region": `"us-east-9"`}, failure: `There is no AWS region "us-east-9"`},

		"type":            {rails: rails(`allowed_instance_types = ["c8i.*", "?5zn.metal"]`), failure: "guardrails.allowed_instance_types do not have m8i.2xlarge"},
		"type allowed":    {rails: rails(`allowed_instance_types = ["m8i.*"]`)},
		"part of a menu":  {rails: rails(`allowed_instance_types = ["m8i.*"]`), args: menu("c8i.2xlarge", "m8i.2xlarge"), warnings: []string{"do not have c8i.2xlarge"}},
		"none of a menu":  {rails: rails(`allowed_instance_types = ["r8i.*"]`), args: menu("c8i.2xlarge", "m8i.2xlarge"), failure: "do not have c8i.2xlarge, m8i.2xlarge"},
		"silenced":        {rails: rails(`allowed_instance_types = ["m8i.*"]`) + "\nsuppress_warnings = [\"types_skipped\"]", args: menu("c8i.2xlarge", "m8i.2xlarge")},
		"no virtual":      {args: args{"instance_type": `"c5.2xlarge"`}, warnings: []string{"[no_virtualization]"}},
		"no virtual, off": {rails: rails(`capability_check = "off"`), args: args{"instance_type": `"c5.2xlarge"`}},
		"no virtual, error": {rails: rails(`capability_check = "error"`), args: args{"instance_type": `"c5.2xlarge"`},
			failure: "c5.2xlarge: no virtualisation for CML"},
		"arm":                     {args: args{"instance_type": `"m7g.large"`}, warnings: []string{"[no_virtualization]"}},
		"arm metal":               {args: args{"instance_type": `"m7g.metal"`}, prepare: addArmMetal, warnings: []string{"[no_virtualization]", "[bare_metal]"}},
		"nested disabled":         {args: args{"nested_virtualization": `"disabled"`}, warnings: []string{"[no_virtualization]"}},
		"menu without virtual":    {rails: rails(`capability_check = "error"`), args: menu("t3.large", "m8i.2xlarge"), warnings: []string{"t3.large: no virtualisation"}},
		"bare metal":              {args: args{"instance_type": `"m5zn.metal"`}, warnings: []string{"[bare_metal]"}},
		"unknown type":            {args: args{"instance_type": `"m99.large"`}, warnings: []string{"Check how it is written", "[capability_unknown]"}},
		"unknown type, error":     {rails: rails(`capability_check = "error"`), args: args{"instance_type": `"m99.large"`}, failure: "EC2 does not know the instance type m99.large"},
		"capability not readable": {deny: []string{"ec2:DescribeInstanceTypes"}, rails: rails(`capability_check = "error"`), warnings: []string{"is not authorized to perform: ec2:DescribeInstanceTypes"}},

		"not offered":       {prepare: notIn("us-east-1a"), failure: "m8i.2xlarge is offered in us-east-1b"},
		"offered elsewhere": {prepare: notIn("us-east-1a"), args: args{"subnet_ids": fmt.Sprintf("[%q, %q]", subnetA, subnetB)}},
		"part is offered":   {prepare: notIn("us-east-1a"), args: menu("m8i.2xlarge", "m8i.4xlarge"), warnings: []string{"[types_skipped]"}},
		"not offered, off":  {prepare: notIn("us-east-1a"), rails: rails(`capability_check = "off"`)},
		"offering not readable": {deny: []string{"ec2:DescribeInstanceTypeOfferings"},
			warnings: []string{"is not authorized to perform: ec2:DescribeInstanceTypeOfferings"}},

		"quota":              {prepare: quota(7), warnings: []string{"m8i.2xlarge needs 8 vCPUs"}},
		"quota is enough":    {prepare: quota(8)},
		"quota, off":         {prepare: quota(7), rails: rails(`quota_check = "off"`)},
		"quota, error":       {prepare: quota(7), rails: rails(`quota_check = "error"`), failure: "L-1216C47A) in us-east-1 is 7"},
		"quota of spot":      {prepare: quota(0), args: args{"market": `{ type = "spot" }`}},
		"quota of a menu":    {prepare: quota(8), rails: rails(`quota_check = "error"`), args: menu("m8i.4xlarge", "m8i.2xlarge"), warnings: []string{"[types_skipped]"}},
		"quota not readable": {deny: []string{"servicequotas:GetServiceQuota"}, rails: rails(`quota_check = "error"`), warnings: []string{"is not authorized to perform: servicequotas:GetServiceQuota"}},

		"port": {args: args{"security_group_ids": fmt.Sprintf("[%q]", groupTwo)}, warnings: []string{"[port_closed]"}},
		"groups of elsewhere": {args: args{"security_group_ids": `["sg-0123456789abcdef0", "sg-0fedcba9876543210"]`},
			warnings: []string{"(sg-0123456789abcdef0, sg-0fedcba9876543210) was found in us-east-1"}},
		"closed, groups not readable": {args: args{"security_group_ids": fmt.Sprintf("[%q]", groupTwo)}, deny: []string{"ec2:DescribeSecurityGroups"},
			warnings: []string{"lets TCP port"}},
		"no group named": {args: args{"security_group_ids": ""}},
		"rules not readable": {deny: []string{"ec2:DescribeSecurityGroupRules"},
			warnings: []string{"is not authorized to perform: ec2:DescribeSecurityGroupRules"}},

		"private subnet":        {args: args{"subnet_ids": fmt.Sprintf("[%q]", private)}, warnings: []string{"[private_address_only]"}},
		"private by choice":     {args: args{"network": `{ public_ip = false }`}, warnings: []string{"[private_address_only]"}},
		"private with an EIP":   {args: args{"subnet_ids": fmt.Sprintf("[%q]", private), "network": `{ eip = { allocate = true } }`}},
		"private and a public":  {args: args{"subnet_ids": fmt.Sprintf("[%q, %q]", private, subnetA)}},
		"private, asked for IP": {args: args{"subnet_ids": fmt.Sprintf("[%q]", private), "network": `{ public_ip = true }`}},
		"subnets not readable":  {deny: []string{"ec2:DescribeSubnets"}, warnings: []string{"is not authorized to perform: ec2:DescribeSubnets"}},

		"preflight": {rails: rails(`preflight = "error"`)},
		"preflight refused": {rails: rails(`preflight = "error"`), args: args{"key_name": `"nobody"`},
			failure: "EC2 would not launch this worker"},
		"preflight warns":    {rails: rails(`preflight = "warn"`), args: args{"key_name": `"nobody"`}, warnings: []string{"InvalidKeyPair.NotFound"}},
		"preflight off":      {args: args{"key_name": `"nobody"`}},
		"preflight by IAM":   {rails: rails(`preflight = "error"`), deny: []string{"ec2:RunInstances"}, failure: "ec2:RunInstances"},
		"preflight no image": {rails: rails(`preflight = "warn"`), args: args{"ami_id": "", "ami_filter": `{ name_pattern = "none-*" }`}, warnings: []string{"[preflight]"}},
		"no quota for any":   {rails: rails(`quota_check = "error"`), prepare: quota(1), args: menu("m8i.4xlarge", "m8i.2xlarge"), failure: "Quota too small"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, e := c.run(t, guarded)
			said := map[string]int{}
			for _, text := range e.texts() {
				if said[text]++; said[text] > e.plans {
					t.Errorf("said twice: %q", text)
				}
			}
			for _, r := range launches(w) {
				if r.Params.Get("DryRun") != "true" {
					t.Errorf("a plan launched something: %v", r.Params)
				}
			}
		})
	}
}

func addArmMetal(r *aws.Region) {
	r.AddInstanceType(aws.InstanceType{Name: "m7g.metal", VCPUs: 64, ThreadsPerCore: 1, MemoryMiB: 256 << 10, Architecture: "arm64", BareMetal: true, Everywhere: true})
}

func notIn(zone string) func(*aws.Region) {
	return func(r *aws.Region) { r.RemoveOffering("m8i.2xlarge", zone) }
}

func quota(vcpus float64) func(*aws.Region) {
	return func(r *aws.Region) { r.SetQuota(aws.QuotaStandardVCPUs, vcpus) }
}

// What the guard rails refuse is not launched, whatever comes first in the menu.
func TestRefusedTypesAreNotLaunched(t *testing.T) {
	for name, c := range map[string]struct {
		rails, menu, want string
		prepare           func(*aws.Region)
		planned           plancheck.PlanCheck
	}{
		"allowed":    {`allowed_instance_types = ["c8i.*", "r8i.*"]`, `["m8i.2xlarge", "c8i.2xlarge", "r8i.4xlarge"]`, "c8i.2xlarge", nil, unknown("instance_type")},
		"one left":   {`allowed_instance_types = ["c8i.*"]`, `["m8i.2xlarge", "c8i.2xlarge"]`, "c8i.2xlarge", nil, knownAs("instance_type", knownvalue.StringExact("c8i.2xlarge"))},
		"capability": {`capability_check = "error"`, `["t3.large", "m8i.2xlarge"]`, "m8i.2xlarge", nil, unknown("instance_type")},
		"quota":      {`quota_check = "error"`, `["m8i.4xlarge", "m8i.2xlarge"]`, "m8i.2xlarge", quota(8), unknown("instance_type")},
		"only warns": {`capability_check = "warn"`, `["t3.large", "m8i.2xlarge"]`, "t3.large", nil, unknown("instance_type")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := acctest.NewWorld(t)
			if c.prepare != nil {
				c.prepare(w.AWS.Region(region))
			}
			acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
				Config:            guarded(w, "guardrails = { "+c.rails+" }", args{"instance_type": "", "instance_types": c.menu, "readiness": `{ until = "running" }`}),
				ConfigPlanChecks:  planned(plancheck.ResourceActionCreate, c.planned),
				ConfigStateChecks: []statecheck.StateCheck{exactly("instance_type", c.want)},
				Check:             func(*terraform.State) error { return count(launches(w), 1) },
			}}})
		})
	}
}

// The quota is held against what runs beside the worker, but not against the
// worker itself.
func TestQuotaCountsWhatRuns(t *testing.T) {
	w := acctest.NewWorld(t)
	group := args{"security_group_ids": openGroup(w)}
	resized := args{"security_group_ids": group["security_group_ids"], "instance_type": `"m8i.4xlarge"`}
	replaced := args{"security_group_ids": group["security_group_ids"], "key_name": `"cml"`}
	twin := strings.NewReplacer(`"lab" {`, `"twin" {`, `"lab-01"`, `"lab-02"`).Replace(worker(group))
	const rail = `guardrails = { quota_check = "error" }`
	var e ear
	acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.factories(), Steps: []resource.TestStep{
		{PreConfig: func() { quota(8)(w.AWS.Region(region)) }, Config: guarded(w, rail, group)},
		{Config: guarded(w, rail, group) + twin, ExpectError: says("is 8, of which 8 are in use")},
		{Config: guarded(w, rail, resized), ExpectError: says("m8i.4xlarge needs 16 vCPUs")},
		{
			PreConfig: func() { quota(16)(w.AWS.Region(region)) }, Config: guarded(w, rail, resized),
			ConfigPlanChecks: planned(plancheck.ResourceActionUpdate),
		},
		{
			PreConfig: func() { quota(16)(w.AWS.Region(region)) }, Config: guarded(w, rail, replaced),
			ConfigPlanChecks: planned(plancheck.ResourceActionReplace),
		},
	}})
	if e.has("[quota_short]") || e.has("[check_skipped]") {
		t.Errorf("warned: %q", e.texts())
	}
}

// A plan asks only about what it changes.
func TestUnchangedPlanAsksNothing(t *testing.T) {
	w := acctest.NewWorld(t)
	open := openGroup(w)
	with := func(a args) string {
		all := args{"security_group_ids": open}
		for k, v := range a {
			all[k] = v
		}
		return guarded(w, `guardrails = {
  allowed_regions        = ["us-east-1"]
  allowed_instance_types = ["m8i.*"]
  preflight              = "error"
}`, all)
	}
	asked := func(want map[string]int) resource.TestCheckFunc {
		return func(*terraform.State) error {
			if got := guardCalls(w); fmt.Sprint(got) != fmt.Sprint(want) {
				return fmt.Errorf("asked %v, want %v", got, want)
			}
			return nil
		}
	}
	none := map[string]int{}
	var e ear
	acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.factories(), Steps: []resource.TestStep{
		{Config: with(nil), Check: func(*terraform.State) error {
			if got := guardCalls(w); len(got) != 6 {
				return fmt.Errorf("creation asked %v", got)
			}
			return nil
		}},
		{PreConfig: reset(t, w), Config: with(nil), ConfigPlanChecks: unchanged(), Check: asked(none)},
		{PreConfig: reset(t, w), Config: with(args{"name": `"lab-02"`, "monitoring": "true"}), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate), Check: asked(none)},
		{PreConfig: e.forget, Config: with(args{"name": `"lab-02"`, "monitoring": "true", "instance_type": `"c8i.2xlarge"`}), ExpectError: says("do not have c8i.2xlarge")},
		{
			PreConfig: func() { w.Recorder.Reset(); e.forget() },
			Config:    with(args{"name": `"lab-02"`, "monitoring": "true", "security_group_ids": fmt.Sprintf("[%q]", groupTwo)}),
			Check: func(*terraform.State) error {
				if !e.has("[port_closed]") {
					return fmt.Errorf("no warning of the closed port: %q", e.texts())
				}
				for op := range guardCalls(w) {
					if op != "DescribeSecurityGroupRules" && op != "DescribeSecurityGroups" {
						return fmt.Errorf("a change of groups asked %v", guardCalls(w))
					}
				}
				return nil
			},
		},
		// A guard rail that came later leaves the worker that exists alone.
		{
			Config: w.Provider(w.Controller(false)+`
guardrails = { allowed_regions = ["us-west-2"], allowed_instance_types = ["r8i.*"], capability_check = "error" }`) +
				worker(args{"name": `"lab-02"`, "monitoring": "true", "security_group_ids": fmt.Sprintf("[%q]", groupTwo)}),
			ConfigPlanChecks: unchanged(),
		},
	}})
}

// Workers of one plan share the answers.
func TestAnswersAreShared(t *testing.T) {
	w := acctest.NewWorld(t)
	group := args{"security_group_ids": openGroup(w), "count": "5", "name": `"lab-${count.index}"`}
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: guarded(w, "", group), PlanOnly: true, ExpectNonEmptyPlan: true,
	}}})
	// The engine may be started more than once for a plan, each time anew.
	runs := w.Recorder.Count("sts", "GetCallerIdentity")
	for op, n := range guardCalls(w) {
		if n > runs {
			t.Errorf("%s was asked %d times in %d runs", op, n, runs)
		}
	}
	if len(guardCalls(w)) != 5 {
		t.Errorf("asked %v", guardCalls(w))
	}
}

// What is unknown at plan is judged in apply, before anything is launched.
func TestGuardRailsOfUnknownValues(t *testing.T) {
	w := acctest.NewWorld(t)
	source := fmt.Sprintf(`
resource "terraform_data" "rail" { input = "c8i.%d" }
`, w.Port())
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config:      source + guarded(w, `guardrails = { allowed_instance_types = ["r8i.*", terraform_data.rail.output] }`, nil),
		ExpectError: says("guardrails.allowed_instance_types do not have m8i.2xlarge"),
	}}})
	if n := w.Recorder.Count("ec2", "RunInstances"); n > 0 {
		t.Errorf("%d launches", n)
	}
}

// A server that only resembles EC2 has no quotas with AWS.
func TestNoQuotasElsewhere(t *testing.T) {
	w := acctest.NewWorld(t)
	quota(0)(w.AWS.Region(region))
	var e ear
	acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.factories(), Steps: []resource.TestStep{{
		Config: config(w, args{"security_group_ids": openGroup(w)}), PlanOnly: true, ExpectNonEmptyPlan: true,
	}}})
	if len(e.texts()) > 0 || w.Recorder.Count("servicequotas", "") > 0 {
		t.Errorf("%q", e.texts())
	}
}

// The account is a guard rail like the others: it holds before anything is applied.
func TestPlanInAWrongAccount(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: guarded(w, `allowed_account_ids = ["999988887777"]`, nil), PlanOnly: true, ExpectError: says("is not among"),
	}}})
}

// What keeps the region from being found is told, and not that none is set.
func TestPlanWithAProfileThatIsNotThere(t *testing.T) {
	w := acctest.NewWorld(t)
	acctest.Test(t, resource.TestCase{Steps: []resource.TestStep{{
		Config: guarded(w, `profile = "nobody"`, nil), PlanOnly: true, ExpectError: says("Unable to find the AWS region"),
	}}})
}

// A plan without an answer from AWS is a plan all the same.
func TestPlanWithoutAWS(t *testing.T) {
	w := acctest.NewWorld(t)
	w.Faults.Add(wire.Rule{Fault: wire.Fault{Kind: wire.Error, Code: "AuthFailure", Status: 401, Message: "no"}})
	var e ear
	acctest.Test(t, resource.TestCase{ProtoV6ProviderFactories: e.factories(), Steps: []resource.TestStep{{
		Config: guarded(w, "", nil), PlanOnly: true, ExpectNonEmptyPlan: true,
	}}})
	if !e.has("[check_skipped]") {
		t.Errorf("%q", e.texts())
	}
}
