package aws_test

import (
	"context"
	"slices"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestElasticAddress(t *testing.T) {
	g := &guest{}
	w := newWorld(t, aws.Options{Guest: g})
	client, ctx := w.ec2(home), context.Background()
	id := w.running()
	automatic := *w.describe(id).PublicIpAddress
	allocated, err := client.AllocateAddress(ctx, &ec2.AllocateAddressInput{Domain: "vpc", TagSpecifications: []types.TagSpecification{
		{ResourceType: "elastic-ip", Tags: []types.Tag{{Key: sdk.String("Name"), Value: sdk.String("lab")}}}}})
	if err != nil {
		t.Fatal(err)
	}
	associated, err := client.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: allocated.AllocationId, InstanceId: &id, AllowReassociation: sdk.Bool(false)})
	if err != nil {
		t.Fatal(err)
	}
	fixed := w.describe(id)
	if *fixed.PublicIpAddress != *allocated.PublicIp || *fixed.NetworkInterfaces[0].Association.IpOwnerId != aws.DefaultAccountID {
		t.Errorf("instance has %s, owner %s", *fixed.PublicIpAddress, *fixed.NetworkInterfaces[0].Association.IpOwnerId)
	}
	eventually(t, "guest told", func() bool { return slices.Contains(g.seen(), "readdress "+*allocated.PublicIp) })
	_, err = client.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: allocated.AllocationId})
	wantCode(t, err, "InvalidIPAddress.InUse")
	another := w.running()
	_, err = client.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: allocated.AllocationId, InstanceId: &another, AllowReassociation: sdk.Bool(false)})
	wantCode(t, err, "Resource.AlreadyAssociated")

	// it stays through stop and start
	w.Region(home).StopOutside(id)
	if got := w.await(id, "stopped"); *got.PublicIpAddress != *allocated.PublicIp {
		t.Errorf("stopped with %v", got.PublicIpAddress)
	}
	w.Region(home).StartOutside(id)
	if got := w.await(id, "running"); *got.PublicIpAddress != *allocated.PublicIp {
		t.Errorf("started with %v", got.PublicIpAddress)
	}
	out, err := client.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: []types.Filter{by("instance-id", id)}})
	if err != nil || len(out.Addresses) != 1 || *out.Addresses[0].AssociationId != *associated.AssociationId || *out.Addresses[0].Tags[0].Value != "lab" {
		t.Errorf("%v, %+v", err, out)
	}
	interfaces, err := client.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{by("attachment.instance-id", id)}})
	if err != nil || *interfaces.NetworkInterfaces[0].Association.AllocationId != *allocated.AllocationId {
		t.Errorf("%v, %+v", err, interfaces)
	}
	if _, err = client.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: associated.AssociationId}); err != nil {
		t.Fatal(err)
	}
	if got := w.describe(id); got.PublicIpAddress == nil || *got.PublicIpAddress == *allocated.PublicIp || *got.PublicIpAddress == automatic {
		t.Errorf("after it has gone the address is %v", got.PublicIpAddress)
	}
	// without a stop in between, the automatic address is a new one all the same
	before := *w.describe(another).PublicIpAddress
	moved, err := client.AssociateAddress(ctx, &ec2.AssociateAddressInput{AllocationId: allocated.AllocationId, InstanceId: &another})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = client.DisassociateAddress(ctx, &ec2.DisassociateAddressInput{AssociationId: moved.AssociationId}); err != nil {
		t.Fatal(err)
	}
	if got := w.describe(another).PublicIpAddress; got == nil || *got == before {
		t.Errorf("the automatic address came back: %v", got)
	}
	if _, err = client.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: allocated.AllocationId}); err != nil {
		t.Fatal(err)
	}
	_, err = client.ReleaseAddress(ctx, &ec2.ReleaseAddressInput{AllocationId: allocated.AllocationId})
	wantCode(t, err, "InvalidAllocationID.NotFound")
	w.Region(home).SetQuota(aws.QuotaElasticIPs, 0)
	_, err = client.AllocateAddress(ctx, &ec2.AllocateAddressInput{})
	wantCode(t, err, "AddressLimitExceeded")
}

func TestInterface(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client, ctx := w.ec2(home), context.Background()
	id := w.running()
	eni := *w.describe(id).NetworkInterfaces[0].NetworkInterfaceId
	modify := func(change ec2.ModifyNetworkInterfaceAttributeInput) {
		t.Helper()
		change.NetworkInterfaceId = &eni
		if _, err := client.ModifyNetworkInterfaceAttribute(ctx, &change); err != nil {
			t.Fatal(err)
		}
	}
	modify(ec2.ModifyNetworkInterfaceAttributeInput{AssociatePublicIpAddress: sdk.Bool(false)})
	if got := w.describe(id); got.PublicIpAddress != nil {
		t.Errorf("public address %s", *got.PublicIpAddress)
	}
	modify(ec2.ModifyNetworkInterfaceAttributeInput{AssociatePublicIpAddress: sdk.Bool(true)})
	if got := w.describe(id); got.PublicIpAddress == nil {
		t.Error("no public address")
	}
	modify(ec2.ModifyNetworkInterfaceAttributeInput{Groups: []string{aws.SeededID("sg", home, aws.SerialGroupDefault)}})
	if got := w.describe(id).SecurityGroups; *got[0].GroupName != "default" {
		t.Errorf("groups %+v", got)
	}
	six, err := client.AssignIpv6Addresses(ctx, &ec2.AssignIpv6AddressesInput{NetworkInterfaceId: &eni, Ipv6AddressCount: sdk.Int32(1)})
	if err != nil || *w.describe(id).Ipv6Address != six.AssignedIpv6Addresses[0] {
		t.Fatalf("%v, %+v", err, six)
	}
	if _, err = client.UnassignIpv6Addresses(ctx, &ec2.UnassignIpv6AddressesInput{NetworkInterfaceId: &eni, Ipv6Addresses: six.AssignedIpv6Addresses}); err != nil {
		t.Fatal(err)
	}
	if got := w.describe(id).Ipv6Address; got != nil {
		t.Errorf("IPv6 address %s", *got)
	}
}

// Simulators that run together give their instances different addresses.
func TestSlots(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		w := newWorld(t, aws.Options{})
		i := w.await(w.launch(), "running")
		for _, address := range []string{*i.PublicIpAddress, *i.PrivateIpAddress} {
			if seen[address] {
				t.Errorf("%s was given twice", address)
			}
			seen[address] = true
		}
	}
}
