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

func TestImages(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	out, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{Owners: []string{"self"}, Filters: []types.Filter{by("name", "CML-2.9.*-Ubuntu-24.04"), by("state", "available")}})
	if err != nil || len(out.Images) != 2 {
		t.Fatalf("%v, %+v", err, out)
	}
	image := out.Images[0]
	if *image.Name != "CML-2.9.0-Ubuntu-24.04" || *image.OwnerId != aws.DefaultAccountID || *image.RootDeviceName != "/dev/sda1" ||
		*image.BlockDeviceMappings[0].Ebs.VolumeSize != 64 || *image.BlockDeviceMappings[0].Ebs.SnapshotId == "" || image.Architecture != "x86_64" {
		t.Errorf("image %+v", image)
	}
	all, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{Filters: []types.Filter{by("architecture", "arm64")}})
	if err != nil || len(all.Images) != 1 || *all.Images[0].OwnerId == aws.DefaultAccountID {
		t.Errorf("%v, %+v", err, all)
	}

	id := w.running()
	made, err := client.CreateImage(ctx, &ec2.CreateImageInput{InstanceId: &id, Name: sdk.String("golden"), NoReboot: sdk.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CreateImage(ctx, &ec2.CreateImageInput{InstanceId: &id, Name: sdk.String("golden"), NoReboot: sdk.Bool(true)})
	wantCode(t, err, "InvalidAMIName.Duplicate")
	eventually(t, "image available", func() bool {
		got, err := client.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{*made.ImageId}})
		if err != nil {
			t.Fatal(err)
		}
		return got.Images[0].State == "available"
	})
	if _, err = client.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: made.ImageId}); err != nil {
		t.Fatal(err)
	}
	_, err = client.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{*made.ImageId}})
	wantCode(t, err, "InvalidAMIID.NotFound")
}

func TestSnapshots(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	id := w.running()
	extra := w.Region(home).AttachVolume(id, "/dev/sdf", 10)
	made, err := client.CreateSnapshots(ctx, &ec2.CreateSnapshotsInput{
		InstanceSpecification: &types.InstanceSpecification{InstanceId: &id}, Description: sdk.String("last"),
		TagSpecifications: []types.TagSpecification{{ResourceType: "snapshot", Tags: []types.Tag{{Key: sdk.String("destroy"), Value: sdk.String("1")}}}},
	})
	if err != nil || len(made.Snapshots) != 2 || made.Snapshots[0].State != "pending" {
		t.Fatalf("%v, %+v", err, made)
	}
	var got []types.Snapshot
	eventually(t, "snapshots completed", func() bool {
		out, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}, Filters: []types.Filter{by("tag:destroy", "1"), by("status", "completed")}})
		if err != nil {
			t.Fatal(err)
		}
		got = out.Snapshots
		return len(got) == 2
	})
	if *got[1].VolumeId != extra || *got[1].VolumeSize != 10 || *got[1].Progress != "100%" {
		t.Errorf("snapshot %+v", got[1])
	}
	registered, err := client.RegisterImage(ctx, &ec2.RegisterImageInput{Name: sdk.String("restored"), RootDeviceName: sdk.String("/dev/sda1"), Architecture: "x86_64",
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: sdk.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{SnapshotId: got[0].SnapshotId}}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: got[0].SnapshotId})
	wantCode(t, err, "InvalidSnapshot.InUse")
	_, err = client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: got[1].SnapshotId})
	wantCode(t, err, "")
	w.launch(func(in *ec2.RunInstancesInput) { in.ImageId = registered.ImageId })
}

func TestInstanceTypes(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	out, err := client.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m8i.2xlarge", "m5zn.metal", "m7g.large"}})
	if err != nil {
		t.Fatal(err)
	}
	var facts []string
	for _, i := range out.InstanceTypes {
		facts = append(facts, fmt.Sprint(i.InstanceType, " ", *i.BareMetal, i.ProcessorInfo.SupportedFeatures, i.ProcessorInfo.SupportedArchitectures, *i.VCpuInfo.DefaultVCpus, *i.MemoryInfo.SizeInMiB))
	}
	if got, want := fmt.Sprint(facts), "[m8i.2xlarge false [nested-virtualization] [x86_64] 8 32768 m5zn.metal true [] [x86_64] 48 196608 m7g.large false [] [arm64] 2 8192]"; got != want {
		t.Errorf("types\n%s, want\n%s", got, want)
	}
	_, err = client.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{InstanceTypes: []types.InstanceType{"m9z.large"}})
	wantCode(t, err, "InvalidInstanceType")
	nested, err := client.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{Filters: []types.Filter{by("processor-info.supported-features", "nested-virtualization")}})
	if err != nil || len(nested.InstanceTypes) != 4 {
		t.Errorf("%v, %d types with nested virtualisation", err, len(nested.InstanceTypes))
	}
	w.Region(home).RemoveOffering("m8i.2xlarge", "us-east-1a")
	offers, err := client.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{LocationType: "availability-zone", Filters: []types.Filter{by("instance-type", "m8i.2xlarge")}})
	if err != nil || len(offers.InstanceTypeOfferings) != 2 || *offers.InstanceTypeOfferings[0].Location != "us-east-1b" {
		t.Errorf("%v, %+v", err, offers)
	}
}

func TestNetworkCatalog(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	subnets, err := client.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{Filters: []types.Filter{by("map-public-ip-on-launch", "true")}})
	if err != nil || len(subnets.Subnets) != 3 || *subnets.Subnets[1].AvailabilityZone != "us-east-1b" || *subnets.Subnets[0].AvailableIpAddressCount != 1019 {
		t.Errorf("%v, %+v", err, subnets)
	}
	vpcs, err := client.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{VpcIds: []string{*subnets.Subnets[0].VpcId}})
	if err != nil || !*vpcs.Vpcs[0].IsDefault {
		t.Errorf("%v, %+v", err, vpcs)
	}
	groups, err := client.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{GroupIds: []string{aws.SeededID("sg", home, aws.SerialGroupCML)}})
	if err != nil {
		t.Fatal(err)
	}
	open := false
	for _, p := range groups.SecurityGroups[0].IpPermissions {
		open = open || *p.FromPort <= 443 && 443 <= *p.ToPort && *p.IpRanges[0].CidrIp == "0.0.0.0/0" && len(p.Ipv6Ranges) == 1
	}
	if !open || groups.SecurityGroups[0].IpPermissionsEgress[0].FromPort != nil {
		t.Errorf("group %+v", groups.SecurityGroups[0])
	}
	own := w.Region(home).AddSecurityGroup("own", aws.Rule{Protocol: "tcp", From: 8443, To: 8443, CIDRv4: "192.0.2.0/24"})
	rules, err := client.DescribeSecurityGroupRules(ctx, &ec2.DescribeSecurityGroupRulesInput{Filters: []types.Filter{by("group-id", own)}})
	if err != nil || len(rules.SecurityGroupRules) != 2 || *rules.SecurityGroupRules[1].CidrIpv4 != "192.0.2.0/24" || *rules.SecurityGroupRules[1].IsEgress {
		t.Errorf("%v, %+v", err, rules)
	}
	routes, err := client.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{by("association.main", "true")}})
	if err != nil || len(routes.RouteTables) != 1 || len(routes.RouteTables[0].Routes) != 4 {
		t.Errorf("%v, %+v", err, routes)
	}
	keys, err := client.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{aws.SeededKeyPair}})
	if err != nil || len(keys.KeyPairs) != 1 {
		t.Errorf("%v, %+v", err, keys)
	}
	_, err = client.DescribeKeyPairs(ctx, &ec2.DescribeKeyPairsInput{KeyNames: []string{"none"}})
	wantCode(t, err, "InvalidKeyPair.NotFound")
}

func TestRegions(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	names := func(all bool) map[string]string {
		out, err := client.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: &all})
		if err != nil {
			t.Fatal(err)
		}
		status := map[string]string{}
		for _, r := range out.Regions {
			status[*r.RegionName] = *r.OptInStatus
		}
		return status
	}
	if enabled := names(false); enabled["us-east-1"] != "opt-in-not-required" || enabled["eu-south-1"] != "" {
		t.Errorf("enabled %v", enabled)
	}
	if all := names(true); all["eu-south-1"] != "not-opted-in" {
		t.Errorf("all %v", all)
	}
	_, err := w.ec2("eu-south-1").DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "AuthFailure")
	w.OptIn(aws.DefaultAccountID, "eu-south-1")
	_, err = w.ec2("eu-south-1").DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "")
	_, err = w.ec2("eu-south-9").DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "AuthFailure")
	zones, err := client.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"us-east-1b"}})
	if err != nil || *zones.AvailabilityZones[0].ZoneId != "use1-az1" {
		t.Errorf("%v, %+v", err, zones)
	}
}
