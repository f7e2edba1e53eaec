package aws_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestFaults(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	run := func() (*ec2.RunInstancesOutput, error) { return client.RunInstances(ctx, launchInput()) }

	w.Faults.Add(wire.Rule{Service: "ec2", Operation: "RunInstances", Match: map[string]string{"InstanceType": "m8i.*"}, Times: 1,
		Fault: wire.Fault{Kind: wire.Error, Code: "InsufficientInstanceCapacity", Status: 500}})
	_, err := run()
	wantCode(t, err, "InsufficientInstanceCapacity")
	if n := len(w.Region(home).Instances()); n != 0 {
		t.Errorf("%d instances", n)
	}

	// the answer is lost, the instance exists
	w.Faults.Add(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Drop}})
	if _, err = run(); err == nil || len(w.Region(home).Instances()) != 1 {
		t.Errorf("error %v, %d instances", err, len(w.Region(home).Instances()))
	}
	w.Faults.Add(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Reset}})
	if _, err = run(); err == nil || len(w.Region(home).Instances()) != 1 {
		t.Errorf("error %v, %d instances", err, len(w.Region(home).Instances()))
	}
	w.Faults.Add(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Throttle}})
	_, err = run()
	wantCode(t, err, "RequestLimitExceeded")
	var response *awshttp.ResponseError
	if !errors.As(err, &response) || response.HTTPStatusCode() != http.StatusServiceUnavailable || response.ServiceRequestID() == "" {
		t.Errorf("throttled: %v", err)
	}
	// an HTML page with status 200 comes out as success without instances
	w.Faults.Add(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Garbage}})
	if out, err := run(); err != nil || len(out.Instances) != 0 {
		t.Errorf("garbage: %v, %+v", err, out)
	}
	w.Faults.Add(wire.Rule{Service: "sts", Fault: wire.Fault{Kind: wire.Throttle}})
	_, err = w.sts().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	wantCode(t, err, "Throttling")
	if w.Faults.Pending() != 0 {
		t.Errorf("%d faults were not met", w.Faults.Pending())
	}
}

func TestRecord(t *testing.T) {
	w := newWorld(t, aws.Options{})
	ctx := context.Background()
	_, _ = w.ec2("eu-west-1", "AKIAME", "x").DescribeInstances(ctx, &ec2.DescribeInstancesInput{Filters: []types.Filter{by("instance-id", "i-1", "i-2")}})
	_, _ = w.ec2(home).DescribeInstances(ctx, &ec2.DescribeInstancesInput{InstanceIds: []string{"i-0123456789abcdef0"}})
	_, _ = w.sts().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if diff := cmp.Diff([]string{"DescribeInstances", "DescribeInstances", "GetCallerIdentity"}, w.Recorder.Operations("")); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	all := w.Recorder.All()
	if first := all[0]; first.Service != "ec2" || first.Region != "eu-west-1" || first.AccessKeyID != "AKIAME" || first.Params.Get("Filter.1.Value.2") != "i-2" {
		t.Errorf("first %+v", first)
	}
	eventually(t, "status noted", func() bool { // right after the answer was sent
		all = w.Recorder.All()
		return all[2].StatusCode != 0
	})
	if all[0].StatusCode != 200 || all[1].StatusCode != 400 || all[2].StatusCode != 200 || all[2].RequestID == "" {
		t.Errorf("records %+v", all)
	}
}
