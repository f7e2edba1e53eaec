package aws_test

import (
	"context"
	"fmt"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func by(name string, values ...string) types.Filter { return types.Filter{Name: &name, Values: values} }

// found are the ids that DescribeInstances answers.
func (w *world) found(input *ec2.DescribeInstancesInput) ([]string, error) {
	out, err := w.ec2(home).DescribeInstances(context.Background(), input)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, r := range out.Reservations {
		for _, i := range r.Instances {
			ids = append(ids, *i.InstanceId)
		}
	}
	return ids, nil
}

func TestInstanceFilters(t *testing.T) {
	w := newWorld(t, aws.Options{})
	lab := w.running(tag("lab"), func(in *ec2.RunInstancesInput) { in.ClientToken = sdk.String("token-1") })
	other := w.running(func(in *ec2.RunInstancesInput) { in.InstanceType = "c8i.2xlarge" })
	w.Region(home).StopOutside(other)
	w.await(other, "stopped")
	eni := *w.describe(lab).NetworkInterfaces[0].NetworkInterfaceId

	for name, test := range map[string]struct {
		filters []types.Filter
		want    []string
	}{
		"none":         {nil, []string{lab, other}},
		"id":           {[]types.Filter{by("instance-id", lab, "i-0123456789abcdef0")}, []string{lab}},
		"states":       {[]types.Filter{by("instance-state-name", "stopped", "stopping")}, []string{other}},
		"tag":          {[]types.Filter{by("tag:lab", "v")}, []string{lab}},
		"tag differs":  {[]types.Filter{by("tag:lab", "w")}, nil},
		"tag wildcard": {[]types.Filter{by("tag:lab", "?")}, []string{lab}},
		"tag key":      {[]types.Filter{by("tag-key", "la*")}, []string{lab}},
		"token":        {[]types.Filter{by("client-token", "token-1")}, []string{lab}},
		"type family":  {[]types.Filter{by("instance-type", "c8i.*", "t3.*")}, []string{other}},
		"subnet":       {[]types.Filter{by("subnet-id", aws.SeededID("subnet", home, aws.SerialSubnetA))}, []string{lab, other}},
		"interface":    {[]types.Filter{by("network-interface.network-interface-id", eni)}, []string{lab}},
		"two filters":  {[]types.Filter{by("instance-state-name", "running"), by("instance-type", "c8i.*")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := w.found(&ec2.DescribeInstancesInput{Filters: test.filters})
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("found %v, want %v", got, test.want)
			}
		})
	}
	_, err := w.found(&ec2.DescribeInstancesInput{Filters: []types.Filter{by("colour", "red")}})
	wantCode(t, err, "InvalidParameterValue")
	many := make([]string, 201)
	for n := range many {
		many[n] = fmt.Sprintf("i-%017x", n)
	}
	_, err = w.found(&ec2.DescribeInstancesInput{Filters: []types.Filter{by("instance-id", many...)}})
	wantCode(t, err, "FilterLimitExceeded")
	_, err = w.found(&ec2.DescribeInstancesInput{Filters: []types.Filter{by("instance-id", many[:200]...)}})
	wantCode(t, err, "")
}

func TestUnknownIDs(t *testing.T) {
	w := newWorld(t, aws.Options{Accounts: []aws.Account{{ID: "210987654321", Keys: []aws.Key{{AccessKeyID: "AKIAOTHER"}}}}})
	id := w.launch()
	_, err := w.found(&ec2.DescribeInstancesInput{InstanceIds: []string{id, "i-0123456789abcdef0"}})
	wantCode(t, err, "InvalidInstanceID.NotFound")
	_, err = w.found(&ec2.DescribeInstancesInput{InstanceIds: []string{"worker"}})
	wantCode(t, err, "InvalidInstanceID.Malformed")

	ctx := context.Background()
	for name, client := range map[string]*ec2.Client{"other region": w.ec2("eu-west-1"), "other account": w.ec2(home, "AKIAOTHER", "x")} {
		_, err = client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{id}})
		if code(err) != "InvalidInstanceID.NotFound" {
			t.Errorf("%s: %v", name, err)
		}
		out, err := client.DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{by("instance-id", id)}})
		if err != nil || len(out.Reservations) != 0 {
			t.Errorf("%s: %v, %d reservations by filter", name, err, len(out.Reservations))
		}
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t, aws.Options{})
	out, err := w.ec2(home).RunInstances(context.Background(), func() *ec2.RunInstancesInput {
		in := launchInput()
		in.MinCount, in.MaxCount = sdk.Int32(12), sdk.Int32(12)
		return in
	}())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, i := range out.Instances {
		want[*i.InstanceId] = true
	}
	pages := 0
	pager := ec2.NewDescribeInstancesPaginator(w.ec2(home), &ec2.DescribeInstancesInput{MaxResults: sdk.Int32(5)})
	for pager.HasMorePages() {
		page, err := pager.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		pages++
		for _, r := range page.Reservations {
			for _, i := range r.Instances {
				if !want[*i.InstanceId] {
					t.Errorf("%s came twice or from nowhere", *i.InstanceId)
				}
				delete(want, *i.InstanceId)
			}
		}
	}
	if pages != 3 || len(want) != 0 {
		t.Errorf("%d pages, %d instances missing", pages, len(want))
	}
	_, err = w.found(&ec2.DescribeInstancesInput{MaxResults: sdk.Int32(4)})
	wantCode(t, err, "InvalidParameterValue")
	_, err = w.found(&ec2.DescribeInstancesInput{MaxResults: sdk.Int32(5), InstanceIds: []string{*out.Instances[0].InstanceId}})
	wantCode(t, err, "InvalidParameterCombination")
	_, err = w.found(&ec2.DescribeInstancesInput{NextToken: sdk.String("what")})
	wantCode(t, err, "InvalidNextToken")
}

func TestPagesAlsoUnasked(t *testing.T) {
	w := newWorld(t, aws.Options{PageSize: 1})
	w.launch()
	w.launch()
	out, err := w.ec2(home).DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{})
	if err != nil || len(out.Reservations) != 1 || out.NextToken == nil {
		t.Errorf("%v, %d reservations, token %v", err, len(out.Reservations), out.NextToken)
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t, aws.Options{Timing: aws.Timing{StatusInitializing: 50e6}})
	client, ctx := w.ec2(home), context.Background()
	id := w.running()
	status := func(all bool) []types.InstanceStatus {
		t.Helper()
		out, err := client.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{id}, IncludeAllInstances: &all})
		if err != nil {
			t.Fatal(err)
		}
		return out.InstanceStatuses
	}
	eventually(t, "end of initializing", func() bool { return status(false)[0].InstanceStatus.Status != "initializing" })
	got := status(false)[0]
	if got.SystemStatus.Status != "ok" || got.AttachedEbsStatus.Status != "ok" || got.InstanceStatus.Details[0].Status != "passed" {
		t.Errorf("status %+v", got)
	}
	w.Region(home).SetStatus(id, aws.Health{Instance: "impaired", Events: []aws.ScheduledEvent{{Code: "instance-retirement", Description: "soon"}}})
	got = status(false)[0]
	if got.InstanceStatus.Status != "impaired" || got.SystemStatus.Status != "ok" || got.Events[0].Code != "instance-retirement" {
		t.Errorf("status %+v", got)
	}
	w.Region(home).StopOutside(id)
	w.await(id, "stopped")
	if len(status(false)) != 0 || status(true)[0].InstanceStatus.Status != "not-applicable" {
		t.Error("a stopped instance has status checks")
	}
}

func TestConsole(t *testing.T) {
	w := newWorld(t, aws.Options{})
	id := w.launch()
	w.Region(home).SetConsole(id, "kernel panic")
	out, err := w.ec2(home).GetConsoleOutput(context.Background(), &ec2.GetConsoleOutputInput{InstanceId: &id, Latest: sdk.Bool(true)})
	if err != nil || *out.Output != "a2VybmVsIHBhbmlj" {
		t.Errorf("%v, %v", err, out)
	}
}
