package instance_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

func TestLaunch(t *testing.T) {
	w := newWorld(t, simulator.Options{Timing: simulator.Timing{Pending: time.Hour}})
	var said []string
	made, err := w.Launch(t.Context(), plain(), func(text string) { said = append(said, text) })
	if err != nil {
		t.Fatal(err)
	}
	if made.State != instance.StatePending || !made.NeverStarted() || made.Status() != "pending" {
		t.Errorf("it did not come back at once: %+v", made)
	}
	if made.AccountID != simulator.DefaultAccountID || made.ARN != "arn:aws:ec2:us-east-1:123456789012:instance/"+made.ID ||
		made.SubnetID != subnetA || made.VPCID != vpcID || made.Type != "m8i.2xlarge" || made.ImageID != image291 ||
		made.RootVolumeID == "" || made.NetworkInterfaceID == "" || made.AvailabilityZone == "" || made.PrivateIP == "" {
		t.Errorf("got %+v", made)
	}
	if want := []string{"launching m8i.2xlarge in " + subnetA, "launched " + made.ID}; !slices.Equal(said, want) {
		t.Errorf("progress %q", said)
	}
	p := w.last(t, "RunInstances").Params
	for name, want := range map[string]string{
		"MinCount": "1", "MaxCount": "1", "SubnetId": subnetA, "SecurityGroupId.1": groupCML,
		"MetadataOptions.HttpTokens": "required", "MetadataOptions.HttpPutResponseHopLimit": "1",
		"InstanceInitiatedShutdownBehavior": "stop", "Monitoring.Enabled": "false",
		"BlockDeviceMapping.1.DeviceName": "/dev/sda1", "BlockDeviceMapping.1.Ebs.Encrypted": "true",
		"BlockDeviceMapping.1.Ebs.VolumeType": "gp3", "BlockDeviceMapping.1.Ebs.DeleteOnTermination": "true",
		"BlockDeviceMapping.1.Ebs.VolumeSize": "64", "UserData": "", "KeyName": "", "DisableApiTermination": "", "DisableApiStop": "",
		"CpuOptions.NestedVirtualization": "", "InstanceMarketOptions.MarketType": "",
	} {
		if got := p.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if token := p.Get("ClientToken"); len(token) < 20 || len(token) > 64 {
		t.Errorf("client token %q", token)
	}
	// All that is made is tagged by the request itself.
	tagged := map[string]bool{}
	for n := 1; n <= 3; n++ {
		spec := "TagSpecification." + string(rune('0'+n))
		tagged[p.Get(spec+".ResourceType")] = p.Get(spec+".Tag.1.Key") == "Name" && p.Get(spec+".Tag.4.Key") == "cml:worker-name"
	}
	if !tagged["instance"] || !tagged["volume"] || !tagged["network-interface"] {
		t.Errorf("tagged %v", tagged)
	}
}

func TestLaunchEverything(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	l := plain()
	l.KeyName, l.IAMInstanceProfile = simulator.SeededKeyPair, simulator.SeededProfile
	l.PublicIP, l.PrivateIP, l.IPv6Count = aws.Bool(false), "", 1
	l.Monitoring = true
	l.Metadata = instance.MetadataOptions{HTTPTokens: "optional", HopLimit: 2}
	l.RootVolume = instance.RootVolume{
		SizeGiB: aws.Int32(200), Type: aws.String("gp3"), IOPS: aws.Int32(4000), Throughput: aws.Int32(250),
		Encrypted: aws.Bool(false), DeleteOnTermination: aws.Bool(false),
	}
	l.NestedVirtualization = "enabled"
	l.Protection = instance.Protection{Termination: true, Stop: true}
	l.UserData = []byte("#cloud-config\n")
	made := w.run(t, l)
	if made.PublicIP != "" || made.PrivateIP == "" || made.IPv6 == "" || !made.Monitoring || made.KeyName != l.KeyName ||
		made.Metadata.HTTPTokens != "optional" || made.Metadata.HopLimit != 2 || made.NestedVirtualization != "enabled" ||
		made.IAMInstanceProfileName != simulator.SeededProfile || !slices.Equal(made.SecurityGroupIDs, []string{groupCML}) {
		t.Errorf("got %+v", made)
	}
	v, err := w.Volume(t.Context(), made.RootVolumeID)
	if err != nil || v.SizeGiB != 200 || v.IOPS != 4000 || v.Throughput != 250 || v.Encrypted || v.DeleteOnTermination ||
		v.InstanceID != made.ID || v.Tags["Owner"] != "netops" {
		t.Errorf("volume %+v, %v", v, err)
	}
	if p, err := w.Protection(t.Context(), made.ID); err != nil || !p.Termination || !p.Stop {
		t.Errorf("protection %+v, %v", p, err)
	}
	if data, err := w.UserData(t.Context(), made.ID); err != nil || string(data) != "#cloud-config\n" {
		t.Errorf("user data %q, %v", data, err)
	}
}

func TestLaunchProfileARN(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	l := plain()
	l.IAMInstanceProfile = "arn:aws:iam::123456789012:instance-profile/" + simulator.SeededProfile
	w.launch(t, l)
	p := w.last(t, "RunInstances").Params
	if p.Get("IamInstanceProfile.Arn") != l.IAMInstanceProfile || p.Has("IamInstanceProfile.Name") {
		t.Errorf("asked with %v", p)
	}
}

func TestLaunchPublicIP(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	for _, tc := range []struct {
		subnet string
		wish   *bool
		public bool
	}{
		{subnetA, nil, true}, {private, nil, false},
		{subnetA, aws.Bool(false), false}, {private, aws.Bool(true), true},
	} {
		l := plain()
		l.SubnetIDs, l.PublicIP = []string{tc.subnet}, tc.wish
		if made := w.run(t, l); (made.PublicIP != "") != tc.public || made.PublicIPIsEIP || made.SubnetID != tc.subnet {
			t.Errorf("%+v: got %+v", tc, made)
		}
	}
}

// The root volume is encrypted unless somebody says otherwise, or the image
// brings it about.
func TestLaunchEncryption(t *testing.T) {
	image := func(encrypted string) string {
		return answering(t, func(action string) string {
			if action == "DescribeImages" {
				return `<DescribeImagesResponse><imagesSet><item><imageId>ami-1</imageId><rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping>
					<item><deviceName>/dev/xvdb</deviceName><ebs><volumeSize>1</volumeSize></ebs></item>
					<item><deviceName>/dev/xvda</deviceName><ebs><volumeSize>64</volumeSize><encrypted>` + encrypted + `</encrypted></ebs></item>
					</blockDeviceMapping></item></imagesSet></DescribeImagesResponse>`
			}
			return `<RunInstancesResponse><instancesSet><item><instanceId>` + nobody + `</instanceId></item></instancesSet></RunInstancesResponse>`
		})
	}
	for _, tc := range []struct {
		image string
		root  instance.RootVolume
		want  string
	}{
		{"false", instance.RootVolume{}, "true"},
		{"true", instance.RootVolume{}, ""},
		{"false", instance.RootVolume{Encrypted: aws.Bool(false)}, "false"},
		{"true", instance.RootVolume{KMSKeyID: aws.String("alias/lab")}, "true"},
	} {
		url := image(tc.image)
		sent := recording(t, url)
		l := plain()
		l.ImageID, l.RootVolume = "ami-1", tc.root
		if _, err := clientOf(sent.url).Launch(t.Context(), l, nil); err != nil {
			t.Fatal(err)
		}
		p := sent.last("RunInstances")
		if p.Get("BlockDeviceMapping.1.DeviceName") != "/dev/xvda" || p.Get("BlockDeviceMapping.1.Ebs.Encrypted") != tc.want ||
			p.Get("BlockDeviceMapping.1.Ebs.KmsKeyId") != aws.ToString(tc.root.KMSKeyID) || p.Has("BlockDeviceMapping.2.DeviceName") {
			t.Errorf("%+v: %v", tc, p)
		}
	}
}

func TestLaunchRefusedBeforehand(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	noise := make([]byte, 40<<10)
	if _, err := rand.Read(noise); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name   string
		change func(*instance.Launch)
		kind   fault.Kind
		text   string
	}{
		{"no such image", func(l *instance.Launch) { l.ImageID = "ami-0123456789abcdef0" }, fault.BadReference, "ami-0123456789abcdef0"},
		{"root volume too small", func(l *instance.Launch) { l.RootVolume.SizeGiB = aws.Int32(8) }, fault.Invalid, "64 GiB"},
		{"user data too large", func(l *instance.Launch) { l.UserData = noise }, fault.Invalid, "40960 bytes"},
		{"no type", func(l *instance.Launch) { l.InstanceTypes = nil }, fault.Invalid, "no instance type"},
	} {
		l := plain()
		tc.change(&l)
		_, err := w.Launch(t.Context(), l, nil)
		if !fault.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.text) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if strings.Contains(err.Error(), string(noise[:16])) {
			t.Errorf("%s: the error holds user data", tc.name)
		}
	}
	if n := w.count("RunInstances"); n != 0 {
		t.Errorf("%d launches were asked for", n)
	}
}

// User data is base64 on the wire, once; above 16 KiB it is compressed.
func TestLaunchUserData(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	for _, raw := range [][]byte{
		[]byte("#cloud-config\n"), bytes.Repeat([]byte("x"), instance.MaxUserData),
		bytes.Repeat([]byte("0123456789abcdef"), 20<<10/16), []byte(base64.StdEncoding.EncodeToString([]byte("encoded by the user"))),
	} {
		l := plain()
		l.UserData = raw
		w.launch(t, l)
		got, err := base64.StdEncoding.DecodeString(w.last(t, "RunInstances").Params.Get("UserData"))
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) > instance.MaxUserData {
			r, err := gzip.NewReader(bytes.NewReader(got))
			if err != nil || len(got) > instance.MaxUserData {
				t.Fatalf("%d bytes came as %d: %v", len(raw), len(got), err)
			}
			if got, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(got, raw) {
			t.Errorf("%d bytes came as %d others", len(raw), len(got))
		}
	}
}

// Lack of capacity, which EC2 sends as status 500, takes the next candidate:
// types in order, subnets in order, one request for each pair.
func TestLaunchCapacity(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	r := w.sim.Region(region)
	r.SetCapacity("m8i.2xlarge", subnetA, 0)
	r.SetCapacity("m8i.2xlarge", subnetB, 0)
	r.SetCapacity("m5zn.metal", subnetA, 0)
	l := plain()
	l.InstanceTypes, l.SubnetIDs = []string{"m8i.2xlarge", "m5zn.metal"}, []string{subnetA, subnetB}
	made := w.launch(t, l)
	if made.Type != "m5zn.metal" || made.SubnetID != subnetB {
		t.Errorf("got %s in %s", made.Type, made.SubnetID)
	}
	var tried, tokens []string
	for _, r := range w.sent("RunInstances") {
		tried = append(tried, r.Params.Get("InstanceType")+" "+r.Params.Get("SubnetId"))
		tokens = append(tokens, r.Params.Get("ClientToken"))
	}
	if want := []string{"m8i.2xlarge " + subnetA, "m8i.2xlarge " + subnetB, "m5zn.metal " + subnetA, "m5zn.metal " + subnetB}; !slices.Equal(tried, want) {
		t.Errorf("tried %q", tried)
	}
	slices.Sort(tokens)
	if len(slices.Compact(tokens)) != 4 {
		t.Error("a client token served twice")
	}

	r.SetCapacity("m5zn.metal", subnetB, 0)
	w.sim.Recorder.Reset()
	_, err := w.Launch(t.Context(), l, nil)
	var none *instance.CapacityError
	if !fault.Is(err, fault.Capacity) || !errors.As(err, &none) || len(none.Attempts) != 4 || w.count("RunInstances") != 4 {
		t.Fatalf("after %d requests: %v", w.count("RunInstances"), err)
	}
	for _, part := range []string{"m8i.2xlarge in " + subnetA, "m5zn.metal in " + subnetB, "sufficient m5zn.metal capacity"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if e := fault.As(err); e == nil || e.Code != "InsufficientInstanceCapacity" || e.StatusCode != 500 || e.RequestID == "" {
		t.Errorf("got %+v", e)
	}
	if n := w.count("DescribeInstances"); n != 0 {
		t.Errorf("a clear refusal was looked into %d times", n)
	}
}

// A type that the zone does not offer counts as capacity.
func TestLaunchNotOffered(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.sim.Region(region).RemoveOffering("m8i.2xlarge", "us-east-1a")
	l := plain()
	l.SubnetIDs = []string{subnetA, subnetB}
	if made := w.launch(t, l); made.SubnetID != subnetB {
		t.Errorf("got %s", made.SubnetID)
	}
}

// Nothing else takes the next candidate: not a quota, not a permission.
func TestLaunchStops(t *testing.T) {
	for code, kind := range map[string]fault.Kind{
		"VcpuLimitExceeded": fault.Quota, "UnauthorizedOperation": fault.PermissionDenied, "InvalidParameterValue": fault.Invalid,
		"InvalidSubnetID.NotFound": fault.BadReference, "RequestLimitExceeded": fault.Throttled,
	} {
		w := newWorld(t, simulator.Options{})
		w.fail(refusal("RunInstances", code, "no", 0))
		l := plain()
		l.SubnetIDs = []string{subnetA, subnetB}
		if _, err := w.Launch(t.Context(), l, nil); !fault.Is(err, kind) || w.count("RunInstances") != 1 {
			t.Errorf("%s: %v after %d requests", code, err, w.count("RunInstances"))
		}
	}
}

// However the answer is lost, there is one instance, and it is the one returned.
func TestLaunchLostAnswer(t *testing.T) {
	for name, f := range map[string]wire.Fault{
		"closed":                     {Kind: wire.Drop},
		"reset":                      {Kind: wire.Reset, AfterEffect: true},
		"reset before":               {Kind: wire.Reset},
		"internal error, made":       {Kind: wire.Error, Code: "InternalError", Status: 500, AfterEffect: true},
		"internal error, not made":   {Kind: wire.Error, Code: "InternalError", Status: 500},
		"a page of a proxy":          {Kind: wire.Garbage, AfterEffect: true},
		"a page of a broken proxy":   {Kind: wire.Garbage, Status: 502, AfterEffect: true},
		"a page instead of a launch": {Kind: wire.Garbage},
	} {
		t.Run(name, func(t *testing.T) {
			for times := 1; times <= 2; times++ { // the second time, only the token tells
				w := newWorld(t, simulator.Options{Consistency: simulator.Consistency{Reads: 2}})
				w.fail(wire.Rule{Operation: "RunInstances", Times: times, Fault: f})
				made, err := w.Launch(t.Context(), plain(), nil)
				all := w.sim.Region(region).Instances()
				sent := w.sent("RunInstances")
				if len(all) == 0 { // nothing was made, and that was said
					var unresolved *instance.UnresolvedLaunchError
					if times == 1 || !errors.As(err, &unresolved) {
						t.Errorf("%d lost: nothing made, %v", times, err)
					}
					continue
				}
				if err != nil || len(all) != 1 || made.ID != all[0].ID {
					t.Errorf("%d lost: %v, %v of %d", times, err, made, len(all))
				}
				if len(sent) != 2 || !bytes.Equal(sent[0].Body, sent[1].Body) {
					t.Errorf("%d lost: %d requests, or not the identical one", times, len(sent))
				}
			}
		})
	}
}

// What stays unclear ends the launch, names what to look for, and tries nothing else.
func TestLaunchUnresolved(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.fail(wire.Rule{Operation: "RunInstances", Fault: wire.Fault{Kind: wire.Reset}})
	l := plain()
	l.SubnetIDs = []string{subnetA, subnetB}
	_, err := w.Launch(t.Context(), l, nil)
	var unresolved *instance.UnresolvedLaunchError
	if !fault.Is(err, fault.Ambiguous) || !errors.As(err, &unresolved) {
		t.Fatalf("got %v", err)
	}
	sent := w.sent("RunInstances")
	if len(sent) != 2 || unresolved.SubnetID != subnetA {
		t.Errorf("%d requests, %+v", len(sent), unresolved)
	}
	for _, part := range []string{sent[0].Params.Get("ClientToken"), "cml:managed-by=terraform-provider-cml", "cml:worker-name=lab", subnetA} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not name %q", err, part)
		}
	}
	looked := w.sent("DescribeInstances")
	if len(looked) < 3 || looked[0].Params.Get("Filter.1.Name") != "client-token" || looked[0].Params.Get("Filter.1.Value.1") != sent[0].Params.Get("ClientToken") {
		t.Errorf("looked %d times", len(looked))
	}
}

// A refusal of the repeated request is believed when nothing is found: the next
// candidate may be tried then.
func TestLaunchLostThenRefused(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.fail(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Reset}},
		wire.Rule{Operation: "RunInstances", Skip: 1, Times: 1, Fault: wire.Fault{Kind: wire.Error, Code: "InsufficientInstanceCapacity", Status: 500}})
	l := plain()
	l.SubnetIDs = []string{subnetA, subnetB}
	made := w.launch(t, l)
	if made.SubnetID != subnetB || w.count("RunInstances") != 3 || w.count("DescribeInstances") == 0 {
		t.Errorf("%s after %v", made.SubnetID, w.sim.Recorder.Operations("ec2"))
	}
}

// A launch that was made and then refused to a repetition is found all the same.
func TestLaunchMadeThenRefused(t *testing.T) {
	w := newWorld(t, simulator.Options{Consistency: simulator.Consistency{Reads: 2}})
	w.fail(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.Drop}},
		wire.Rule{Operation: "RunInstances", Skip: 1, Fault: wire.Fault{Kind: wire.Error, Code: "VcpuLimitExceeded"}})
	made, err := w.Launch(t.Context(), plain(), nil)
	if all := w.sim.Region(region).Instances(); err != nil || len(all) != 1 || made.ID != all[0].ID {
		t.Errorf("%v, %v", made, err)
	}
}

// The user ends the run while the answer is on its way: the instance is found
// in the little time that is left, so that it is not lost.
func TestLaunchCanceled(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.fail(wire.Rule{Operation: "RunInstances", Times: 1, Fault: wire.Fault{Kind: wire.SlowBody, Delay: wire.Duration(time.Minute)}})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(w.sim.Region(region).Instances()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	made, err := w.Launch(ctx, plain(), nil)
	if all := w.sim.Region(region).Instances(); err != nil || len(all) != 1 || made.ID != all[0].ID {
		t.Errorf("%v, %v", made, err)
	}
	if n := w.count("RunInstances"); n != 1 {
		t.Errorf("%d requests", n)
	}
	w.sim.Recorder.Reset()
	if _, err := w.Launch(ctx, plain(), nil); !fault.Is(err, fault.Canceled) || w.count("RunInstances") != 0 {
		t.Errorf("after the end: %v, %d requests", err, w.count("RunInstances"))
	}
}

// The token of an instance that has ended is not used again.
func TestLaunchTokenOfTerminated(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	w.fail(refusal("RunInstances", "IdempotentInstanceTerminated", "The instance was terminated.", 1))
	w.launch(t, plain())
	sent := w.sent("RunInstances")
	if len(sent) != 2 || sent[0].Params.Get("ClientToken") == sent[1].Params.Get("ClientToken") {
		t.Errorf("%d requests", len(sent))
	}
	w.fail(refusal("RunInstances", "IdempotentInstanceTerminated", "The instance was terminated.", 0))
	w.sim.Recorder.Reset()
	if _, err := w.Launch(t.Context(), plain(), nil); err == nil || w.count("RunInstances") != 3 {
		t.Errorf("%v after %d requests", err, w.count("RunInstances"))
	}
}

// A profile that IAM has just made is waited for; every other bad value is not.
func TestLaunchProfilePropagation(t *testing.T) {
	for _, message := range []string{
		"Value (cml-worker) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
		"IAM Instance Profile \"arn:aws:iam::1:instance-profile/x\" has no associated IAM Roles",
	} {
		w := newWorld(t, simulator.Options{})
		w.fail(refusal("RunInstances", "InvalidParameterValue", message, 3))
		l := plain()
		l.IAMInstanceProfile = simulator.SeededProfile
		w.launch(t, l)
		if n := w.count("RunInstances"); n != 4 {
			t.Errorf("%d requests", n)
		}
	}
	w := newWorld(t, simulator.Options{}, func(o *instance.Options) { o.Propagation = 30 * time.Millisecond })
	l := plain()
	l.IAMInstanceProfile = "never-made"
	if _, err := w.Launch(t.Context(), l, nil); !fault.Is(err, fault.Invalid) || w.count("RunInstances") < 2 {
		t.Errorf("%v after %d requests", err, w.count("RunInstances"))
	}
}

func TestLaunchNestedAuto(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	l := plain()
	l.NestedVirtualization = instance.LaunchNestedAuto
	for typeName, want := range map[string]string{"m8i.2xlarge": "enabled", "m5zn.metal": "", "t3.large": ""} {
		l.InstanceTypes = []string{typeName}
		made := w.launch(t, l)
		if got := w.last(t, "RunInstances").Params.Get("CpuOptions.NestedVirtualization"); got != want {
			t.Errorf("%s: asked for %q, want %q", typeName, got, want)
		}
		if want == "enabled" && made.NestedVirtualization != want {
			t.Errorf("%s: got %q", typeName, made.NestedVirtualization)
		}
	}
}

func TestLaunchSpot(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	for _, tc := range []struct {
		spot             instance.Spot
		kind, price, end string
	}{
		{instance.Spot{}, "one-time", "", "terminate"},
		{instance.Spot{MaxPrice: "2.0", Interruption: "stop"}, "persistent", "2.0", "stop"},
	} {
		l := plain()
		l.Spot = &tc.spot
		made := w.launch(t, l)
		if made.Lifecycle != "spot" || made.SpotRequestID == "" {
			t.Errorf("got %+v", made)
		}
		p := w.last(t, "RunInstances").Params
		if p.Get("InstanceMarketOptions.MarketType") != "spot" || p.Get("InstanceMarketOptions.SpotOptions.SpotInstanceType") != tc.kind ||
			p.Get("InstanceMarketOptions.SpotOptions.MaxPrice") != tc.price || p.Get("TagSpecification.4.ResourceType") != "spot-instances-request" ||
			p.Get("InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior") != tc.end {
			t.Errorf("%+v: asked with %v", tc.spot, p)
		}
	}
}

func TestPreflight(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	if err := w.Preflight(t.Context(), plain()); err != nil {
		t.Error(err)
	}
	if p := w.last(t, "RunInstances").Params; p.Get("DryRun") != "true" || p.Get("SubnetId") != subnetA {
		t.Errorf("asked with %v", p)
	}
	w.fail(refusal("RunInstances", "UnauthorizedOperation", "You are not authorized to perform this operation.", 1))
	if err := w.Preflight(t.Context(), plain()); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("got %v", err)
	}
	if err := w.Preflight(t.Context(), instance.Launch{ImageID: image291}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no type: %v", err)
	}
	if n := len(w.sim.Region(region).Instances()); n != 0 {
		t.Errorf("%d instances were made", n)
	}
}
