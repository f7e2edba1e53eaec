package aws_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// What EC2 asks IAM about a request: each resource that it makes or touches, the
// tags that it gives at once, and the role that it hands over.
func TestPolicyOfEC2(t *testing.T) {
	w, ctx := newWorld(t, aws.Options{}), context.Background()
	key, _, err := assume(w, "arn:aws:iam::"+aws.DefaultAccountID+":role/cml-admin")
	if err != nil {
		t.Fatal(err)
	}
	limited := w.ec2(home, key...)
	const (
		mine    = `"Condition": {"StringEquals": {"aws:ResourceTag/owner": "me"}}`
		birth   = `"Condition": {"StringEquals": {"aws:RequestTag/owner": "me"}}`
		machine = `{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": ["arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:*:*:volume/*", "arn:aws:ec2:*:*:network-interface/*"], ` + birth + `},`
		parts   = `{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": ["arn:aws:ec2:*:*:image/*", "arn:aws:ec2:*:*:subnet/*", "arn:aws:ec2:*:*:security-group/*"]},`
		tag     = `{"Effect": "Allow", "Action": "ec2:CreateTags", "Resource": "*", "Condition": {"StringEquals": {"ec2:CreateAction": "RunInstances"}}},`
		pass    = `{"Effect": "Allow", "Action": "iam:PassRole", "Resource": "arn:aws:iam::*:role/cml-worker", "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}},`
		change  = `{"Effect": "Allow", "Action": ["ec2:StopInstances", "ec2:CreateTags", "ec2:CreateSnapshots"], "Resource": "*", ` + mine + `},`
	)
	allow := func(statements string) {
		t.Helper()
		if err := w.SetRolePolicy(aws.DefaultAccountID, "cml-admin", `{"Statement": [`+statements+`{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}]}`); err != nil {
			t.Fatal(err)
		}
	}
	launch := func(kinds ...types.ResourceType) (string, error) {
		in := launchInput()
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: sdk.String("cml-worker")}
		for _, kind := range kinds {
			in.TagSpecifications = append(in.TagSpecifications, types.TagSpecification{ResourceType: kind, Tags: []types.Tag{{Key: sdk.String("owner"), Value: sdk.String("me")}}})
		}
		out, err := limited.RunInstances(ctx, in)
		if err != nil {
			return "", err
		}
		return *out.Instances[0].InstanceId, nil
	}
	all := []types.ResourceType{"instance", "volume", "network-interface"}
	for name, c := range map[string]struct {
		policy string
		kinds  []types.ResourceType
		ok     bool
	}{
		"everything":     {machine + parts + tag + pass, all, true},
		"no tags":        {machine + parts + tag + pass, nil, false},
		"volume without": {machine + parts + tag + pass, []types.ResourceType{"instance", "network-interface"}, false},
		"no image":       {machine + tag + pass, all, false},
		"no CreateTags":  {machine + parts + pass, all, false},
		"no PassRole":    {machine + parts + tag, all, false},
	} {
		allow(c.policy)
		want := "UnauthorizedOperation"
		if c.ok {
			want = ""
		}
		_, err := launch(c.kinds...)
		if got := code(err); got != want {
			t.Errorf("%s: %q, want %q (%v)", name, got, want, err)
		}
	}

	allow(machine + parts + tag + pass + change)
	own, err := launch(all...)
	if err != nil {
		t.Fatal(err)
	}
	w.await(own, "running")
	others := w.running()
	owner := []types.Tag{{Key: sdk.String("owner"), Value: sdk.String("me")}}
	_, err = limited.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{own}, Tags: owner})
	wantCode(t, err, "")
	_, err = limited.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{others}, Tags: owner}) // takes nothing over
	wantCode(t, err, "UnauthorizedOperation")
	_, err = limited.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{own, others}})
	wantCode(t, err, "UnauthorizedOperation")
	_, err = limited.StopInstances(ctx, &ec2.StopInstancesInput{InstanceIds: []string{own}})
	wantCode(t, err, "")
	_, err = limited.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	wantCode(t, err, "")
	_, err = limited.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{InstanceSpecification: &types.InstanceSpecification{InstanceId: &own}})
	wantCode(t, err, "UnauthorizedOperation") // the snapshots are born without the tag
}
