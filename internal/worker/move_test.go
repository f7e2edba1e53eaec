package worker_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/terraform"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/stub"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// instanceTags are those that the aws provider gave the machine.
var instanceTags = map[string]string{"Name": "lab-01", "Owner": "net"}

// launched is a machine that the aws provider made.
func launched(t *testing.T, w *acctest.World, in string) string {
	t.Helper()
	client := ec2.New(ec2.Options{
		Region: in, BaseEndpoint: sdk.String(w.Endpoint()),
		Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""),
	})
	var tags []types.Tag
	for k, v := range instanceTags {
		tags = append(tags, types.Tag{Key: sdk.String(k), Value: sdk.String(v)})
	}
	out, err := client.RunInstances(t.Context(), &ec2.RunInstancesInput{
		ImageId: sdk.String(aws.SeededID("ami", in, aws.SerialImage290)), InstanceType: types.InstanceTypeM8i2xlarge,
		MinCount: sdk.Int32(1), MaxCount: sdk.Int32(1), SubnetId: sdk.String(aws.SeededID("subnet", in, aws.SerialSubnetA)),
		SecurityGroupIds:  []string{aws.SeededID("sg", in, aws.SerialGroupCML)},
		CpuOptions:        &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecificationEnabled},
		UserData:          sdk.String("IyEvYmluL3NoCg=="),
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeInstance, Tags: tags}},
	})
	if err != nil {
		t.Fatal(err)
	}
	id := *out.Instances[0].InstanceId
	for range 500 {
		if found, _ := w.AWS.Region(in).Instance(id); found.State == "running" {
			return id
		}
		pause()
	}
	t.Fatalf("%s does not run", id)
	return ""
}

// moveProviders serves our provider, and the stub as hashicorp/aws.
func moveProviders(t *testing.T) map[string]func() (tfprotov6.ProviderServer, error) {
	t.Helper()
	acctest.Engine(t, engine.MoveState)
	// Both go by the namespace of the other one here.
	t.Setenv("TF_ACC_PROVIDER_NAMESPACE", "hashicorp")
	out := maps.Clone(acctest.Factories())
	out["aws"] = stub.AWS().Factory()
	return out
}

func TestMoveFromAWSInstance(t *testing.T) {
	const other = "us-west-2"
	for name, c := range map[string]struct{ in, attribute string }{
		"region from the ARN":           {in: region},
		"region of version 6":           {in: region, attribute: `region = "us-east-1"`},
		"another region from the ARN":   {in: other},
		"another region from the state": {in: other, attribute: `region = "us-west-2"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := acctest.NewWorld(t)
			providers := moveProviders(t)
			id := launched(t, w, c.in)
			theirs := fmt.Sprintf(`
resource "aws_instance" "old" {
  id   = %q
  arn  = "arn:aws:ec2:%s:%s:instance/%s"
  tags = { Name = "lab-01", Owner = "net" }
  %s
}
`, id, c.in, aws.DefaultAccountID, id, c.attribute)
			ours := w.Provider(w.Controller(false)) + fmt.Sprintf(`
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = %q
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [%q]
  security_group_ids = [%q]
  tags               = { Owner = "net" }
}
`, aws.SeededID("ami", c.in, aws.SerialImage290), aws.SeededID("subnet", c.in, aws.SerialSubnetA), aws.SeededID("sg", c.in, aws.SerialGroupCML))
			moved := "\nmoved {\n  from = aws_instance.old\n  to   = cml_worker.lab\n}\n"
			acctest.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: providers,
				Steps: []resource.TestStep{
					{Config: w.Provider("") + theirs},
					{
						PreConfig:        func() { w.Recorder.Reset() },
						Config:           ours + moved,
						ConfigPlanChecks: planned(plancheck.ResourceActionNoop),
						Check: resource.ComposeAggregateTestCheckFunc(
							func(s *terraform.State) error {
								if w.Recorder.Count("ec2", "DescribeInstances") == 0 {
									return fmt.Errorf("the machine was not even read")
								}
								return calls(w, map[string]int{})(s)
							},
							resource.TestCheckResourceAttr(lab, "id", id), resource.TestCheckResourceAttr(lab, "region", c.in),
							resource.TestCheckResourceAttr(lab, "account_id", aws.DefaultAccountID), resource.TestCheckResourceAttr(lab, "name", "lab-01"),
							resource.TestCheckResourceAttr(lab, "tags.%", "1"), resource.TestCheckResourceAttr(lab, "tags.Owner", "net"),
							resource.TestCheckResourceAttr(lab, "instance_state", "running"), resource.TestCheckResourceAttrSet(lab, "revision"),
						),
					},
					{Config: ours, ConfigPlanChecks: unchanged()},
				},
				CheckDestroy: func(*terraform.State) error {
					if found, _ := w.AWS.Region(c.in).Instance(id); found.State != "terminated" {
						return fmt.Errorf("the worker that was moved is %s after the destroy", found.State)
					}
					return nil
				},
			})
		})
	}
}

// awsState is a state of aws_instance as version 5.x of hashicorp/aws writes it
// (schema version 1), with what an import or a v6 state has otherwise in more.
func awsState(more string) string {
	return `{
  "ami": "ami-0c310000000001290", "arn": "arn:aws-us-gov:ec2:us-gov-west-1:123456789012:instance/i-0123456789abcdef0",
  "associate_public_ip_address": true, "availability_zone": "us-gov-west-1a",
  "capacity_reservation_specification": [{"capacity_reservation_preference": "open", "capacity_reservation_target": []}],
  "cpu_core_count": 48, "cpu_options": [{"amd_sev_snp": "", "core_count": 48, "threads_per_core": 1}], "cpu_threads_per_core": 1,
  "credit_specification": [], "disable_api_stop": false, "disable_api_termination": false, "ebs_block_device": [], "ebs_optimized": false,
  "enclave_options": [{"enabled": false}], "ephemeral_block_device": [], "get_password_data": false, "hibernation": false, "host_id": "",
  "host_resource_group_arn": null, "iam_instance_profile": "cml", "id": "i-0123456789abcdef0", "instance_initiated_shutdown_behavior": "stop",
  "instance_lifecycle": "", "instance_market_options": [], "instance_state": "running", "instance_type": "m5zn.metal", "ipv6_address_count": 0,
  "ipv6_addresses": [], "key_name": "lab", "launch_template": [], "maintenance_options": [{"auto_recovery": "default"}],
  "metadata_options": [{"http_endpoint": "enabled", "http_protocol_ipv6": "disabled", "http_put_response_hop_limit": 1, "http_tokens": "required", "instance_metadata_tags": "disabled"}],
  "monitoring": false, "network_interface": [], "outpost_arn": "", "password_data": "", "placement_group": "", "placement_partition_number": 0,
  "primary_network_interface_id": "eni-0123456789abcdef0", "private_dns": "ip-10-0-0-5.us-gov-west-1.compute.internal",
  "private_dns_name_options": [{"enable_resource_name_dns_a_record": false, "enable_resource_name_dns_aaaa_record": false, "hostname_type": "ip-name"}],
  "private_ip": "10.0.0.5", "public_dns": "", "public_ip": "203.0.113.7",
  "root_block_device": [{"delete_on_termination": true, "device_name": "/dev/sda1", "encrypted": true, "iops": 3000, "kms_key_id": "", "tags": {}, "tags_all": {}, "throughput": 125, "volume_id": "vol-0123456789abcdef0", "volume_size": 500, "volume_type": "gp3"}],
  "secondary_private_ips": [], "security_groups": [], "source_dest_check": true, "spot_instance_request_id": "", "subnet_id": "subnet-0123456789abcdef0",
  "tags": {"Name": "lab-01", "Owner": "net", "Empty": null}, "tags_all": {"Name": "lab-01", "Owner": "net", "CostCenter": "4711"}, "tenancy": "default",
  "timeouts": null, "user_data": "79ea7deb4a2e9444b0914b2f6a0ab8fbbed53a31", "user_data_base64": null, "user_data_replace_on_change": false, "volume_tags": null,
  "vpc_security_group_ids": ["sg-0123456789abcdef0"]` + more + `
}`
}

// sdkPrivate is the private state that plugin SDK v2, which aws_instance is
// written with, keeps.
const sdkPrivate = `{"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":600000000000,"delete":1200000000000,"read":900000000000,"update":600000000000},"schema_version":"1"}`

// move calls MoveResourceState of a provider that is not configured, as
// Terraform does.
func move(t *testing.T, target string, req tfprotov6.MoveResourceStateRequest) *tfprotov6.MoveResourceStateResponse {
	t.Helper()
	req.TargetTypeName = target
	resp, err := protocol.Unconfigured(t).MoveResourceState(context.Background(), &req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// text is a string of a state: "(null)" for what has none.
func text(t *testing.T, v tftypes.Value, name string) string {
	t.Helper()
	var members map[string]tftypes.Value
	if err := v.As(&members); err != nil {
		t.Fatal(err)
	}
	if members[name].IsNull() {
		return "(null)"
	}
	var out string
	if err := members[name].As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestMoveOfRealStates(t *testing.T) {
	const mirror = "mirror.example.com/hashicorp/aws"
	for name, c := range map[string]struct {
		version                                 int64
		address, state                          string
		region, account, name, owner, wantError string
		identity                                bool
	}{
		"version 5": {version: 1, state: awsState(""), region: "us-gov-west-1", account: "123456789012", name: "lab-01", owner: "net", identity: true},
		"version 6": {
			version: 2, state: awsState(`, "region": "us-gov-east-1", "force_destroy": false, "placement_group_id": ""`),
			region: "us-gov-east-1", account: "123456789012", name: "lab-01", owner: "net", identity: true,
		},
		"a mirror":        {version: 1, address: mirror, state: awsState(""), region: "us-gov-west-1", account: "123456789012", name: "lab-01", owner: "net", identity: true},
		"next to nothing": {state: `{"id": "i-0123456789abcdef0"}`, region: "(null)", account: "(null)", name: "(null)"},
		"no tags":         {version: 1, state: `{"id": "i-0123456789abcdef0", "arn": "", "tags": null, "tags_all": {}}`, region: "(null)", account: "(null)", name: "(null)"},
		"name by default_tags": {
			version: 1, state: `{"id": "i-0123456789abcdef0", "tags": {}, "tags_all": {"Name": "all"}}`, region: "(null)", account: "(null)", name: "all",
		},
		"no id":          {version: 1, state: `{"id": ""}`, wantError: "names no instance id"},
		"another shape":  {version: 9, state: `{"id": ["i-0123456789abcdef0"]}`, wantError: "names no instance id"},
		"another source": {address: "registry.terraform.io/someone/aws", state: awsState(""), wantError: "Unable to Move Resource State"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.address == "" {
				c.address = "registry.terraform.io/hashicorp/aws"
			}
			resp := move(t, "cml_worker", tfprotov6.MoveResourceStateRequest{
				SourceProviderAddress: c.address, SourceTypeName: "aws_instance", SourceSchemaVersion: c.version,
				SourceState: &tfprotov6.RawState{JSON: []byte(c.state)}, SourcePrivate: []byte(sdkPrivate),
			})
			if c.wantError != "" {
				if !protocol.Has(resp.Diagnostics, protocol.Failure, c.wantError) {
					t.Errorf("wanted the error %q, got:\n%s", c.wantError, protocol.Show(resp.Diagnostics))
				}
				return
			}
			s := protocol.Unconfigured(t)
			s.Good(resp.Diagnostics)
			state := s.Resource("cml_worker").Value(resp.TargetState)
			for attribute, want := range map[string]string{"id": "i-0123456789abcdef0", "region": c.region, "account_id": c.account, "name": c.name} {
				if got := text(t, state, attribute); got != want {
					t.Errorf("%s is %s, want %s", attribute, got, want)
				}
			}
			var members map[string]tftypes.Value
			if err := state.As(&members); err != nil {
				t.Fatal(err)
			}
			ofStrings := tftypes.Map{ElementType: tftypes.String}
			tags := tftypes.NewValue(ofStrings, nil)
			if c.owner != "" {
				tags = tftypes.NewValue(ofStrings, map[string]tftypes.Value{"Owner": tftypes.NewValue(tftypes.String, c.owner)})
			}
			if !members["tags"].Equal(tags) {
				t.Errorf("tags are %v", members["tags"])
			}
			if got := resp.TargetIdentity != nil && resp.TargetIdentity.IdentityData != nil; got != c.identity {
				t.Errorf("identity given: %t", got)
			}
		})
	}
}

// What was moved can be read with the private state and the identity of the
// move; without a read the plan is refused, since it would replace the machine.
func TestReadAfterMove(t *testing.T) {
	w := acctest.NewWorld(t)
	id := launched(t, w, region)
	s := protocol.Serve(t, w, nil)
	r := s.Resource("cml_worker")
	for name, state := range map[string]string{
		"with identity":    fmt.Sprintf(`{"id": %q, "arn": "arn:aws:ec2:%s:%s:instance/%s", "tags": {"Name": "lab-01"}}`, id, region, aws.DefaultAccountID, id),
		"without identity": fmt.Sprintf(`{"id": %q}`, id),
	} {
		t.Run(name, func(t *testing.T) {
			resp, err := s.MoveResourceState(t.Context(), &tfprotov6.MoveResourceStateRequest{
				SourceProviderAddress: "registry.terraform.io/hashicorp/aws", SourceTypeName: "aws_instance", SourceSchemaVersion: 1, TargetTypeName: "cml_worker",
				SourceState: &tfprotov6.RawState{JSON: []byte(state)}, SourcePrivate: []byte(sdkPrivate),
			})
			if err != nil {
				t.Fatal(err)
			}
			s.Good(resp.Diagnostics)
			moved := protocol.Kept{State: r.Value(resp.TargetState), Private: resp.TargetPrivate, Identity: resp.TargetIdentity}
			config := r.Config(map[string]any{
				"name": "lab-01", "ami_id": image, "instance_type": "m8i.2xlarge", "security_group_ids": []any{groupID}, "tags": map[string]any{"Owner": "net"},
			})
			if plan := r.Plan(moved, config); !protocol.Has(plan.Diagnostics, protocol.Failure, "Worker was not read yet") {
				t.Errorf("the plan of a worker that nobody read:\n%s", protocol.Show(plan.Diagnostics))
			}
			read, diags := r.Read(moved)
			s.Good(diags)
			if got := text(t, read.State, "instance_state") + " " + text(t, read.State, "region") + " " + text(t, read.State, "name"); got != "running "+region+" lab-01" {
				t.Errorf("read: %s", got)
			}
			if planned := r.Planned(read, config); !planned.Equal(read.State) {
				t.Errorf("the plan is not empty:\n%s\nfrom\n%s", planned, read.State)
			}
		})
	}
	for _, record := range w.Recorder.All() {
		if record.Service == "ec2" && !strings.HasPrefix(record.Operation, "Describe") && record.Operation != "RunInstances" {
			t.Errorf("EC2 was asked for %s", record.Operation)
		}
	}
	if n := w.Recorder.Count("ec2", "RunInstances"); n != 1 {
		t.Errorf("%d launches, want the one of before", n)
	}
}
