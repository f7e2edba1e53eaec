package instance_test

import (
	"context"
	"encoding/base64"
	"fmt"
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

// Each change: the one call it makes, and what a read right after it shows.
func TestChangeRunning(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(context.Context, *world, *instance.Instance) error
		acts   []string
		shows  func(*instance.Instance) bool
	}{
		"security groups": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SetSecurityGroups(ctx, i.ID, []string{closed, groupCML})
			},
			[]string{"ModifyInstanceAttribute"},
			func(i *instance.Instance) bool {
				return len(i.SecurityGroupIDs) == 2 && slices.Contains(i.SecurityGroupIDs, closed)
			},
		},
		"monitoring on": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SetMonitoring(ctx, i.ID, true)
			},
			[]string{"MonitorInstances"}, func(i *instance.Instance) bool { return i.Monitoring },
		},
		"monitoring off": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SetMonitoring(ctx, i.ID, false)
			},
			[]string{"UnmonitorInstances"}, func(i *instance.Instance) bool { return !i.Monitoring },
		},
		"metadata options": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SetMetadataOptions(ctx, i.ID, instance.MetadataOptions{HTTPTokens: "optional", HopLimit: 3})
			},
			[]string{"ModifyInstanceMetadataOptions"},
			func(i *instance.Instance) bool {
				return i.Metadata == instance.MetadataOptions{HTTPTokens: "optional", HopLimit: 3, State: "applied"}
			},
		},
		"one metadata option": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SetMetadataOptions(ctx, i.ID, instance.MetadataOptions{HopLimit: 2})
			},
			[]string{"ModifyInstanceMetadataOptions"},
			func(i *instance.Instance) bool {
				return i.Metadata.HTTPTokens == "required" && i.Metadata.HopLimit == 2
			},
		},
		"public address off": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SetAssociatePublicIP(ctx, i.NetworkInterfaceID, false)
			},
			[]string{"ModifyNetworkInterfaceAttribute"}, func(i *instance.Instance) bool { return i.PublicIP == "" },
		},
		"tags": {
			func(ctx context.Context, w *world, i *instance.Instance) error {
				return w.SyncTags(ctx, []string{i.ID, i.RootVolumeID, "", i.NetworkInterfaceID}, map[string]string{"Owner": "ops", "New": ""}, []string{"cml:worker-name"})
			},
			[]string{"DeleteTags", "CreateTags"},
			func(i *instance.Instance) bool {
				_, left := i.Tags["cml:worker-name"]
				_, set := i.Tags["New"]
				return i.Tags["Owner"] == "ops" && set && !left && i.Tags["Name"] == "lab"
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{})
			made := w.run(t, plain())
			w.sim.Recorder.Reset()
			if err := tc.change(t.Context(), w, made); err != nil {
				t.Fatal(err)
			}
			if acts := w.acts(); !slices.Equal(acts, tc.acts) {
				t.Errorf("asked for %v, want %v", acts, tc.acts)
			}
			if i, err := w.client().Find(t.Context(), made.ID, ""); err != nil || !tc.shows(i) || i.State != "running" {
				t.Errorf("%+v, %v", i, err)
			}
		})
	}
}

func TestSyncTags(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.run(t, plain())
	ids := []string{made.ID, made.RootVolumeID, made.NetworkInterfaceID}
	for _, nothing := range []func() error{
		func() error { return w.SyncTags(t.Context(), ids, nil, nil) },
		func() error { return w.SyncTags(t.Context(), ids, nil, []string{"aws:autoscaling:groupName"}) },
		func() error { return w.SyncTags(t.Context(), []string{""}, map[string]string{"A": "1"}, nil) },
	} {
		w.sim.Recorder.Reset()
		if err := nothing(); err != nil || len(w.acts()) != 0 {
			t.Errorf("asked for %v, %v", w.acts(), err)
		}
	}
	if err := w.SyncTags(t.Context(), ids, map[string]string{"A": "1", "aws:x": "2"}, []string{"A", "Owner"}); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		tags := w.sim.Region(region).Tags(id)
		if _, left := tags["Owner"]; tags["A"] != "1" || left {
			t.Errorf("%s has %v", id, tags)
		}
	}
	many := map[string]string{}
	for n := range instance.MaxTags + 1 {
		many[fmt.Sprint("k", n)] = "v"
	}
	w.sim.Recorder.Reset()
	if err := w.SyncTags(t.Context(), ids, many, nil); !fault.Is(err, fault.Invalid) || len(w.acts()) != 0 {
		t.Errorf("asked for %v, %v", w.acts(), err)
	}
}

func TestManagedTags(t *testing.T) {
	def, own, off := instance.ManagedTags{Enabled: true}, instance.ManagedTags{Enabled: true, Prefix: "lab/"}, instance.ManagedTags{}
	if def.Key("managed-by") != "cml:managed-by" || own.Key("managed-by") != "lab/managed-by" {
		t.Error("keys")
	}
	m := own.Markers("lab", "arn:x")
	if len(m) != 3 || m["lab/managed-by"] != instance.ManagedByValue || m["lab/worker-name"] != "lab" || m["lab/created_by"] != "arn:x" {
		t.Errorf("markers %v", m)
	}
	if off.Markers("lab", "x") != nil || len(def.Markers("", "")) != 1 {
		t.Error("markers that are off, or of nothing")
	}
	all := map[string]string{"old:managed-by": instance.ManagedByValue, "old:port": "1", "cml:port": "8443", "other:managed-by": "me", "other:x": "1", "managed-by": instance.ManagedByValue, "Name": "n"}
	for key, want := range map[string]bool{"cml:port": true, "old:port": true, "old:managed-by": true, "other:x": false, "Name": false, "managed-by": false} {
		if def.Owns(key, all) != want {
			t.Errorf("%s: %v", key, !want)
		}
	}
	if v := def.Values(all); len(v) != 1 || v["port"] != "8443" {
		t.Errorf("values %v", v)
	}
}

// With several interfaces the groups are those of the primary one.
func TestSecurityGroupsOfSeveralInterfaces(t *testing.T) {
	asked := recording(t, answering(t, func(action string) string {
		if action != "DescribeInstances" {
			return "<" + action + "Response><return>true</return></" + action + "Response>"
		}
		return `<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>` + nobody + `</instanceId>
			<instanceState><name>running</name></instanceState><networkInterfaceSet>
			<item><networkInterfaceId>eni-1</networkInterfaceId><attachment><deviceIndex>0</deviceIndex></attachment><groupSet><item><groupId>sg-9</groupId></item></groupSet></item>
			<item><networkInterfaceId>eni-2</networkInterfaceId><attachment><deviceIndex>1</deviceIndex></attachment></item>
			</networkInterfaceSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
	}))
	if err := clientOf(asked.url).SetSecurityGroups(t.Context(), nobody, []string{"sg-9"}); err != nil {
		t.Fatal(err)
	}
	p := asked.last("ModifyNetworkInterfaceAttribute")
	if p.Get("NetworkInterfaceId") != "eni-1" || p.Get("SecurityGroupId.1") != "sg-9" || asked.last("ModifyInstanceAttribute") != nil {
		t.Errorf("asked with %v", p)
	}
}

// An implementation that accepts a change and never shows it holds nobody up.
func TestSettleIsBounded(t *testing.T) {
	url := answering(t, func(action string) string {
		if action != "DescribeInstances" {
			return "<" + action + "Response/>"
		}
		return `<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>` + nobody + `</instanceId>
			<instanceState><name>running</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
	})
	c := clientOf(url, func(o *instance.Options) { o.Settle = 30 * time.Millisecond })
	if err := c.SetMonitoring(t.Context(), nobody, true); err != nil {
		t.Error(err)
	}
	c = clientOf(url, func(o *instance.Options) { o.Settle = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := c.SetMonitoring(ctx, nobody, true); !fault.Is(err, fault.Timeout) {
		t.Errorf("the caller's own deadline: %v", err)
	}
}

// What no answer tells is not waited for.
func TestMetadataThatIsNotTold(t *testing.T) {
	reads := 0
	url := answering(t, func(action string) string {
		if action != "DescribeInstances" {
			return "<" + action + "Response/>"
		}
		tokens := []string{"optional", "optional", ""}[min(reads, 2)]
		if reads++; tokens != "" {
			tokens = "<metadataOptions><httpTokens>" + tokens + "</httpTokens></metadataOptions>"
		}
		return "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>" + nobody +
			"</instanceId>" + tokens + "</item></instancesSet></item></reservationSet></DescribeInstancesResponse>"
	})
	c := clientOf(url, func(o *instance.Options) { o.Settle = time.Hour })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.SetMetadataOptions(ctx, nobody, instance.MetadataOptions{HTTPTokens: "required", HopLimit: 2}); err != nil {
		t.Error(err)
	}
	if reads < 3 {
		t.Errorf("settled after %d reads, while the old value was told", reads)
	}
}

func TestInstanceProfile(t *testing.T) {
	other := "arn:aws:iam::123456789012:instance-profile/other"
	for _, tc := range []struct {
		name          string
		stopped, with bool
		to            string
		acts          []string
	}{
		{"replace", false, true, "other", []string{"ReplaceIamInstanceProfileAssociation"}},
		{"replace by ARN", false, true, other, []string{"ReplaceIamInstanceProfileAssociation"}},
		{"replace on a stopped one", true, true, "other", []string{"DisassociateIamInstanceProfile", "AssociateIamInstanceProfile"}},
		{"first", false, false, "other", []string{"AssociateIamInstanceProfile"}},
		{"first on a stopped one", true, false, other, []string{"AssociateIamInstanceProfile"}},
		{"none any more", false, true, "", []string{"DisassociateIamInstanceProfile"}},
		{"none as before", false, false, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, simulator.Options{Accounts: []simulator.Account{{ID: simulator.DefaultAccountID, InstanceProfiles: []string{"other"}}}})
			l := plain()
			if tc.with {
				l.IAMInstanceProfile = simulator.SeededProfile
			}
			var made *instance.Instance
			if tc.stopped {
				made = w.stopped(t, l)
			} else {
				made = w.run(t, l)
			}
			w.sim.Recorder.Reset()
			if err := w.SetInstanceProfile(t.Context(), made.ID, tc.to); err != nil {
				t.Fatal(err)
			}
			if acts := w.acts(); !slices.Equal(acts, tc.acts) {
				t.Errorf("asked for %v, want %v", acts, tc.acts)
			}
			want := ""
			if tc.to != "" {
				want = other
			}
			if i, err := w.Find(t.Context(), made.ID, ""); err != nil || i.IAMInstanceProfileARN != want {
				t.Errorf("%+v, %v", i, err)
			}
		})
	}
}

func TestInstanceProfilePropagation(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.run(t, plain())
	w.fail(refusal("AssociateIamInstanceProfile", "InvalidParameterValue", "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", 2))
	if err := w.SetInstanceProfile(t.Context(), made.ID, simulator.SeededProfile); err != nil || w.count("AssociateIamInstanceProfile") != 3 {
		t.Errorf("%v after %d requests", err, w.count("AssociateIamInstanceProfile"))
	}
}

// What needs a stopped machine.
func TestChangeStopped(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.stopped(t, plain())
	ctx := t.Context()
	if err := w.SetType(ctx, made.ID, "m8i.4xlarge"); err != nil {
		t.Fatal(err)
	}
	if err := w.SetNestedVirtualization(ctx, made.ID, "enabled"); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"#cloud-config\n# new\n", strings.Repeat("0123456789abcdef", 2<<10), ""} {
		if err := w.SetUserData(ctx, made.ID, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := w.UserData(ctx, made.ID); err != nil || string(got) != text {
			t.Errorf("%d bytes came back as %d, %v", len(text), len(got), err)
		}
		raw, err := base64.StdEncoding.DecodeString(w.last(t, "ModifyInstanceAttribute").Params.Get("UserData.Value"))
		if err != nil || len(raw) > instance.MaxUserData || (len(text) < 100 && string(raw) != text) {
			t.Errorf("sent as %d bytes, %v", len(raw), err)
		}
	}
	if err := w.SetProtection(ctx, made.ID, aws.Bool(true), nil); err != nil {
		t.Fatal(err)
	}
	i, err := w.Find(ctx, made.ID, "")
	if err != nil || i.Type != "m8i.4xlarge" || i.NestedVirtualization != "enabled" || i.State != "stopped" {
		t.Errorf("%+v, %v", i, err)
	}
	if p, err := w.Protection(ctx, made.ID); err != nil || !p.Termination || p.Stop {
		t.Errorf("%+v, %v", p, err)
	}
	if acts := w.acts(); slices.Contains(acts, "StartInstances") {
		t.Errorf("asked for %v", acts)
	}
}

func TestChangeOfRunningRefused(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.run(t, plain())
	if err := w.SetType(t.Context(), made.ID, "m8i.4xlarge"); !fault.Is(err, fault.WrongState) || w.count("ModifyInstanceAttribute") != 2 {
		t.Errorf("%v after %d requests", err, w.count("ModifyInstanceAttribute"))
	}
}

func TestVolume(t *testing.T) {
	w := newWorld(t, simulator.Options{}, defaultGather)
	ids := w.many(t, 150)
	var volumes []string
	all, err := w.Search(t.Context(), instance.Query{IDs: ids})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		volumes = append(volumes, i.RootVolumeID)
	}
	w.sim.Recorder.Reset()
	together(append(volumes, "vol-0123456789abcdef0"), func(id string) {
		v, err := w.Volume(t.Context(), id)
		if id == "vol-0123456789abcdef0" {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("absent: %v", err)
			}
		} else if err != nil || v.ID != id || v.SizeGiB != 64 || !v.Encrypted || v.Type != "gp3" {
			t.Errorf("%s: %+v, %v", id, v, err)
		}
	})
	if n := w.count("DescribeVolumes"); n > 10 {
		t.Errorf("%d questions", n)
	}
}

func TestModifyVolume(t *testing.T) {
	w := newWorld(t, simulator.Options{Timing: simulator.Timing{VolumeModifying: 60 * time.Millisecond, VolumeOptimizing: time.Hour}, RateLimitVolumeChanges: time.Hour})
	made := w.run(t, plain())
	w.sim.Recorder.Reset()
	if err := w.ModifyVolume(t.Context(), made.RootVolumeID, instance.VolumeChange{}, nil); err != nil || len(w.acts()) != 0 {
		t.Errorf("an empty change: %v, %v", w.acts(), err)
	}
	var said []string
	change := instance.VolumeChange{SizeGiB: aws.Int32(100), IOPS: aws.Int32(4000), Throughput: aws.Int32(200)}
	if err := w.ModifyVolume(t.Context(), made.RootVolumeID, change, func(s string) { said = append(said, s) }); err != nil {
		t.Fatal(err)
	}
	p := w.last(t, "ModifyVolume").Params
	if p.Get("Size") != "100" || p.Get("Iops") != "4000" || p.Get("Throughput") != "200" || p.Has("VolumeType") {
		t.Errorf("asked with %v", p)
	}
	if v, err := w.Volume(t.Context(), made.RootVolumeID); err != nil || v.SizeGiB != 100 || v.IOPS != 4000 {
		t.Errorf("%+v, %v", v, err)
	}
	// It was waited out, to where the change can be used and not to its very end.
	if len(said) != 2 || !strings.Contains(said[0], "modifying") || !strings.Contains(said[1], "optimizing") {
		t.Errorf("progress %q", said)
	}
	err := w.ModifyVolume(t.Context(), made.RootVolumeID, instance.VolumeChange{SizeGiB: aws.Int32(200)}, nil)
	if !fault.Is(err, fault.RateLimited) || !strings.Contains(err.Error(), "VolumeModificationRateExceeded") {
		t.Errorf("too soon: %v", err)
	}
}

func TestModifyVolumeDeadline(t *testing.T) {
	w := newWorld(t, simulator.Options{Timing: simulator.Timing{VolumeModifying: time.Hour}})
	made := w.run(t, plain())
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if err := w.ModifyVolume(ctx, made.RootVolumeID, instance.VolumeChange{SizeGiB: aws.Int32(100)}, nil); !fault.Is(err, fault.Timeout) {
		t.Errorf("got %v", err)
	}
}

// Other implementations keep no record of modifications, or an old one.
func TestModifyVolumeWithoutRecord(t *testing.T) {
	for name, record := range map[string]string{
		"none": "", "of another day": `<item><volumeId>vol-1</volumeId><modificationState>failed</modificationState><startTime>2020-01-01T00:00:00Z</startTime></item>`,
	} {
		c := clientOf(answering(t, func(action string) string {
			body := map[string]string{
				"ModifyVolume":                 `<volumeModification><volumeId>vol-1</volumeId><startTime>2026-01-01T00:00:00.5Z</startTime></volumeModification>`,
				"DescribeVolumesModifications": `<volumeModificationSet>` + record + `</volumeModificationSet>`,
				"DescribeVolumes":              `<volumeSet><item><volumeId>vol-1</volumeId><size>100</size></item></volumeSet>`,
			}[action]
			return "<" + action + "Response>" + body + "</" + action + "Response>"
		}))
		if err := c.ModifyVolume(t.Context(), "vol-1", instance.VolumeChange{SizeGiB: aws.Int32(100)}, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What took effect is no failure because a server lacks the reads about it, nor
// is it waited for where they leave a figure out.
func TestModifyVolumeThatReadsDoNotShow(t *testing.T) {
	const volume = `<volumeSet><item><volumeId>vol-1</volumeId><size>100</size></item></volumeSet>`
	for name, reads := range map[string]map[string]string{
		"no modifications":    {"DescribeVolumes": volume},
		"no figures":          {"DescribeVolumes": volume, "DescribeVolumesModifications": "<volumeModificationSet/>"},
		"nothing of the kind": {},
	} {
		c := clientOf(answering(t, func(action string) string {
			body, ok := reads[action]
			if !ok && action != "ModifyVolume" {
				return refused("InvalidAction")
			}
			return "<" + action + "Response>" + body + "</" + action + "Response>"
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		change := instance.VolumeChange{SizeGiB: aws.Int32(100), Throughput: aws.Int32(250)}
		if err := c.ModifyVolume(ctx, "vol-1", change, nil); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestModifyVolumeFailed(t *testing.T) {
	c := clientOf(answering(t, func(action string) string {
		return "<" + action + `Response><volumeModificationSet><item><volumeId>vol-1</volumeId><modificationState>failed</modificationState>
			<statusMessage>no luck</statusMessage></item></volumeModificationSet></` + action + "Response>"
	}))
	err := c.ModifyVolume(t.Context(), "vol-1", instance.VolumeChange{SizeGiB: aws.Int32(100)}, nil)
	if !fault.Is(err, fault.WrongState) || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("got %v", err)
	}
}

func TestVolumesOf(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	made := w.run(t, plain())
	data := w.sim.Region(region).AttachVolume(made.ID, "/dev/sdf", 10)
	i, err := w.Find(t.Context(), made.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	all, err := w.VolumesOf(t.Context(), i)
	if err != nil || len(all) != 2 || all[0].ID != made.RootVolumeID || all[1].ID != data || all[1].DeleteOnTermination {
		t.Errorf("%v, %v", all, err)
	}
	w.fail(wire.Rule{Operation: "DescribeVolumes", Fault: wire.Fault{Kind: wire.Throttle}})
	if _, err := w.VolumesOf(t.Context(), i); !fault.Is(err, fault.Throttled) {
		t.Errorf("got %v", err)
	}
}

func TestStatusChecks(t *testing.T) {
	w := newWorld(t, simulator.Options{Timing: simulator.Timing{StatusInitializing: time.Hour}}, defaultGather)
	ids := w.many(t, 120)
	w.sim.Recorder.Reset()
	together(append(ids[:60:60], append([]string{nobody}, ids[60:]...)...), func(id string) {
		s, err := w.StatusChecks(t.Context(), id)
		if id == nobody {
			if !fault.Is(err, fault.NotFound) {
				t.Errorf("absent: %v", err)
			}
		} else if err != nil || s.State == "" {
			t.Errorf("%s: %+v, %v", id, s, err)
		}
	})
	// A batch with an unknown id is halved until that one is alone.
	if n := w.count("DescribeInstanceStatus"); n < 2 || n > 25 {
		t.Errorf("%d questions", n)
	}
	id := w.run(t, plain()).ID
	if s, err := w.StatusChecks(t.Context(), id); err != nil || s.OK() || s.System != instance.CheckInitializing {
		t.Errorf("at first: %+v, %v", s, err)
	}
	w = newWorld(t, simulator.Options{})
	id = w.run(t, plain()).ID
	var s instance.Status
	var err error
	for !s.OK() && err == nil && t.Context().Err() == nil {
		s, err = w.StatusChecks(t.Context(), id)
	}
	if err != nil || s.Instance != instance.CheckOK {
		t.Errorf("then: %+v, %v", s, err)
	}
	if _, err := w.Stop(t.Context(), id, "", instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	if s, err := w.StatusChecks(t.Context(), id); err != nil || s.OK() || s.System != instance.CheckNotApplicable || s.State != "stopped" {
		t.Errorf("stopped: %+v, %v", s, err)
	}
}

func TestStatusOK(t *testing.T) {
	for _, tc := range []struct {
		status instance.Status
		want   bool
	}{
		{instance.Status{}, false},
		{instance.Status{System: "ok", Instance: "ok"}, true},
		{instance.Status{System: "ok", Instance: "ok", AttachedEBS: "ok"}, true},
		{instance.Status{System: "ok", Instance: "ok", AttachedEBS: "not-applicable"}, true},
		{instance.Status{System: "ok", Instance: "ok", AttachedEBS: "initializing"}, false},
		{instance.Status{System: "impaired", Instance: "ok"}, false},
		{instance.Status{System: "ok", Instance: "insufficient-data"}, false},
	} {
		if tc.status.OK() != tc.want {
			t.Errorf("%+v: %v", tc.status, !tc.want)
		}
	}
	if (instance.Event{Description: "scheduled"}).Over() || !(instance.Event{Description: "[Completed] x"}).Over() || !(instance.Event{Description: "[Canceled] x"}).Over() {
		t.Error("which events are over")
	}
}
