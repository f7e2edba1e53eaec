package instance_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// shelf is an EC2 that keeps what has no client token: addresses and
// snapshots, each with the tag of the request that made it.
type shelf struct {
	mu    sync.Mutex
	asked []string
	kept  []url.Values
	// lose says which requests of making get no answer, counted from 1; made
	// whether they take effect all the same.
	lose func(n int) bool
	made bool
	// refuse is the code that making is refused with, as long as left is above 0.
	refuse string
	left   int
	states []string // of snapshots, one for each look
}

func (s *shelf) answer(asked url.Values) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	action := asked.Get("Action")
	s.asked = append(s.asked, action)
	body := ""
	switch action {
	case "AllocateAddress", "CreateSnapshots":
		if s.left > 0 {
			s.left--
			return refused(s.refuse)
		}
		lost := s.lose != nil && s.lose(s.count(action))
		if !lost || s.made {
			s.kept = append(s.kept, asked)
		}
		if lost {
			return ""
		}
		if action == "AllocateAddress" {
			body = `<allocationId>eipalloc-1</allocationId><publicIp>198.51.100.1</publicIp>`
		} else {
			body = `<snapshotSet><item><snapshotId>snap-1</snapshotId><volumeId>vol-1</volumeId><state>pending</state></item></snapshotSet>`
		}
	case "DescribeAddresses":
		for _, k := range s.fitting(asked) {
			body += `<item><allocationId>eipalloc-1</allocationId><publicIp>198.51.100.1</publicIp><associationId>eipassoc-1</associationId>` + tags(k) + `</item>`
		}
		body = `<addressesSet>` + body + `</addressesSet>`
	case "DescribeSnapshots":
		state := "pending"
		if len(s.states) > 0 {
			state = s.states[0]
			s.states = s.states[1:]
		}
		for _, k := range s.fitting(asked) {
			body += `<item><snapshotId>snap-1</snapshotId><status>` + state + `</status><statusMessage>why</statusMessage><progress>50%</progress>` + tags(k) + `</item>`
		}
		body = `<snapshotSet>` + body + `</snapshotSet>`
	case "DisassociateAddress", "ReleaseAddress", "DeleteSnapshot", "CancelSpotInstanceRequests":
		if s.refuse != "" {
			return refused(s.refuse)
		}
	}
	return "<" + action + "Response>" + body + "</" + action + "Response>"
}

func (s *shelf) count(action string) int {
	n := 0
	for _, a := range s.asked {
		if a == action {
			n++
		}
	}
	return n
}

// fitting are the things that a filter by tag, or by id, asks for.
func (s *shelf) fitting(asked url.Values) []url.Values {
	if key, ok := strings.CutPrefix(asked.Get("Filter.1.Name"), "tag:"); ok {
		return slices.DeleteFunc(slices.Clone(s.kept), func(k url.Values) bool {
			return !strings.Contains(tags(k), "<key>"+key+"</key><value>"+asked.Get("Filter.1.Value.1")+"</value>")
		})
	}
	return s.kept
}

func tags(made url.Values) string {
	out := ""
	for n := 1; ; n++ {
		tag := fmt.Sprintf("TagSpecification.1.Tag.%d.", n)
		if !made.Has(tag + "Key") {
			return "<tagSet>" + out + "</tagSet>"
		}
		out += "<item><key>" + made.Get(tag+"Key") + "</key><value>" + made.Get(tag+"Value") + "</value></item>"
	}
}

func refused(code string) string {
	return "<Response><Errors><Error><Code>" + code + "</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>"
}

// What has no client token is made once, however its answer is lost.
func TestMadeOnce(t *testing.T) {
	kinds := map[string]func(context.Context, *instance.Client) error{
		"AllocateAddress": func(ctx context.Context, c *instance.Client) error {
			a, err := c.AllocateAddress(ctx, map[string]string{"Name": "lab"})
			if err == nil && (a.AllocationID != "eipalloc-1" || a.PublicIP != "198.51.100.1" || a.Tags["Name"] != "lab" || a.Tags["cml:request"] == "") {
				return fmt.Errorf("made %+v", a)
			}
			return err
		},
		"CreateSnapshots": func(ctx context.Context, c *instance.Client) error {
			all, err := c.CreateSnapshots(ctx, nobody, "before", "", map[string]string{"Name": "lab"})
			if err == nil && (len(all) != 1 || all[0].ID != "snap-1") {
				return fmt.Errorf("made %+v", all)
			}
			return err
		},
	}
	for _, tc := range []struct {
		name   string
		shelf  func() *shelf
		sent   int
		kept   int
		wanted fault.Kind
	}{
		{"at once", func() *shelf { return &shelf{} }, 1, 1, fault.Unknown},
		{"lost, but made", func() *shelf { return &shelf{lose: func(n int) bool { return n == 1 }, made: true} }, 1, 1, fault.Unknown},
		{"lost before", func() *shelf { return &shelf{lose: func(n int) bool { return n == 1 }} }, 2, 1, fault.Unknown},
		{"lost for good", func() *shelf { return &shelf{lose: func(int) bool { return true }} }, 2, 0, fault.Ambiguous},
		{"throttled", func() *shelf { return &shelf{refuse: "RequestLimitExceeded", left: 2} }, 3, 1, fault.Unknown},
		{"refused", func() *shelf { return &shelf{refuse: "AddressLimitExceeded", left: 9} }, 1, 0, fault.Quota},
	} {
		for action, do := range kinds {
			t.Run(action+" "+tc.name, func(t *testing.T) {
				s := tc.shelf()
				c := clientOf(answeringTo(t, s.answer), func(o *instance.Options) { o.TokenLookup = 50 * time.Millisecond })
				err := do(t.Context(), c)
				if tc.wanted == fault.Unknown && err != nil || tc.wanted != fault.Unknown && !fault.Is(err, tc.wanted) {
					t.Errorf("got %v", err)
				}
				if s.count(action) != tc.sent || len(s.kept) != tc.kept {
					t.Errorf("sent %d times, %d made", s.count(action), len(s.kept))
				}
				if tc.wanted == fault.Ambiguous && !strings.Contains(err.Error(), "cml:request=") {
					t.Errorf("%q does not name the tag", err)
				}
			})
		}
	}
}

// A set of snapshots of an earlier try is found by its key, and not made again.
func TestSnapshotsFoundAgain(t *testing.T) {
	s := &shelf{}
	c := clientOf(answeringTo(t, s.answer))
	for range 2 {
		all, err := c.CreateSnapshots(t.Context(), nobody, "final", "destroy-1", nil)
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
	}
	if s.count("CreateSnapshots") != 1 {
		t.Errorf("asked for %v", s.asked)
	}
}

func TestWaitSnapshots(t *testing.T) {
	s := &shelf{kept: []url.Values{{}}, states: []string{"pending", "pending", "completed"}}
	c := clientOf(answeringTo(t, s.answer))
	var said []string
	all, err := c.WaitSnapshots(t.Context(), []string{"snap-1"}, func(text string) { said = append(said, text) })
	if err != nil || len(all) != 1 || all[0].State != "completed" || s.count("DescribeSnapshots") != 3 {
		t.Errorf("%+v, %v after %v", all, err, s.asked)
	}
	if want := []string{"snapshots pending: snap-1 50%"}; !slices.Equal(said, want) {
		t.Errorf("progress %q", said)
	}
	s.states = []string{"pending", "error"}
	if _, err := c.WaitSnapshots(t.Context(), []string{"snap-1"}, nil); !fault.Is(err, fault.WrongState) || !strings.Contains(err.Error(), "why") {
		t.Errorf("failed: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.WaitSnapshots(ctx, []string{"snap-1"}, nil); !fault.Is(err, fault.Timeout) {
		t.Errorf("deadline: %v", err)
	}
	c = clientOf(answeringTo(t, s.answer), func(o *instance.Options) { o.CreateGrace = 30 * time.Millisecond })
	if _, err := c.WaitSnapshots(t.Context(), []string{"snap-1", "snap-2"}, nil); !fault.Is(err, fault.BadReference) {
		t.Errorf("missing: %v", err)
	}
}

// What is to go and is gone already is no error.
func TestGoneAlready(t *testing.T) {
	for name, tc := range map[string]struct {
		code string
		do   func(context.Context, *instance.Client) error
		acts []string
	}{
		"address": {"InvalidAllocationID.NotFound", func(ctx context.Context, c *instance.Client) error { return c.ReleaseAddress(ctx, "eipalloc-1") },
			[]string{"DescribeAddresses", "DisassociateAddress", "ReleaseAddress"}},
		"snapshot": {"InvalidSnapshot.NotFound", func(ctx context.Context, c *instance.Client) error { return c.DeleteSnapshot(ctx, "snap-1") },
			[]string{"DeleteSnapshot"}},
		"spot request": {"InvalidSpotInstanceRequestID.NotFound", func(ctx context.Context, c *instance.Client) error { return c.CancelSpotRequest(ctx, "sir-1") },
			[]string{"CancelSpotInstanceRequests"}},
	} {
		s := &shelf{kept: []url.Values{{}}, refuse: tc.code}
		c := clientOf(answeringTo(t, s.answer))
		if err := tc.do(t.Context(), c); err != nil || !slices.Equal(s.asked, tc.acts) {
			t.Errorf("%s: %v after %v", name, err, s.asked)
		}
		s.refuse = "UnauthorizedOperation"
		if err := tc.do(t.Context(), c); !fault.Is(err, fault.PermissionDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSpotRequest(t *testing.T) {
	c := clientOf(answering(t, func(action string) string {
		return `<DescribeSpotInstanceRequestsResponse><spotInstanceRequestSet>
			<item><spotInstanceRequestId>sir-2</spotInstanceRequestId><state>open</state></item>
			<item><spotInstanceRequestId>sir-1</spotInstanceRequestId><state>active</state><type>persistent</type><spotPrice>2.0</spotPrice>
			<status><code>fulfilled</code><message>ok</message></status><instanceInterruptionBehavior>stop</instanceInterruptionBehavior></item>
			</spotInstanceRequestSet></DescribeSpotInstanceRequestsResponse>`
	}))
	r, err := c.SpotRequest(t.Context(), "sir-1")
	if err != nil || r.State != "active" || !r.Persistent || r.MaxPrice != "2.0" || r.Interruption != "stop" || r.StatusCode != "fulfilled" {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.SpotRequest(t.Context(), "sir-3"); r != nil || err != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestAddressOf(t *testing.T) {
	asked := recording(t, answering(t, func(string) string {
		return `<DescribeAddressesResponse><addressesSet><item><allocationId>eipalloc-1</allocationId><publicIp>198.51.100.1</publicIp>
			<instanceId>i-1</instanceId><associationId>eipassoc-1</associationId></item></addressesSet></DescribeAddressesResponse>`
	}))
	c := clientOf(asked.url, func(o *instance.Options) { o.Gather = 100 * time.Millisecond })
	together([]string{"i-1", "i-2"}, func(id string) {
		a, err := c.AddressOf(t.Context(), id)
		if err != nil || (a != nil) != (id == "i-1") || a != nil && a.AllocationID != "eipalloc-1" {
			t.Errorf("%s: %+v, %v", id, a, err)
		}
	})
	if len(asked.all) != 1 {
		t.Errorf("%d questions", len(asked.all))
	}
	if a, err := c.Address(t.Context(), "eipalloc-1"); err != nil || a.AssociationID != "eipassoc-1" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := c.Address(t.Context(), "eipalloc-2"); !fault.Is(err, fault.BadReference) {
		t.Errorf("absent: %v", err)
	}
}

func TestAssociateAddress(t *testing.T) {
	asked := recording(t, answering(t, func(action string) string { return "<" + action + "Response/>" }))
	c := clientOf(asked.url)
	if err := c.AssociateAddress(t.Context(), "eipalloc-1", "i-1"); err != nil {
		t.Fatal(err)
	}
	if p := asked.last("AssociateAddress"); p.Get("AllocationId") != "eipalloc-1" || p.Get("InstanceId") != "i-1" || p.Get("AllowReassociation") != "true" {
		t.Errorf("asked with %v", p)
	}
}

func TestIPv6Count(t *testing.T) {
	have := []string{"2001:db8::1", "2001:db8::2"}
	for count, want := range map[int]string{3: "AssignIpv6Addresses", 1: "UnassignIpv6Addresses", 2: ""} {
		asked := recording(t, answering(t, func(action string) string { return "<" + action + "Response/>" }))
		if err := clientOf(asked.url).SetIPv6Count(t.Context(), "eni-1", have, count); err != nil {
			t.Fatal(err)
		}
		switch {
		case want == "" && len(asked.all) != 0, want != "" && asked.last(want) == nil:
			t.Errorf("%d: asked for %v", count, asked.all)
		case count == 3 && asked.last(want).Get("Ipv6AddressCount") != "1":
			t.Errorf("asked with %v", asked.last(want))
		case count == 1 && asked.last(want).Get("Ipv6Addresses.1") != "2001:db8::2":
			t.Errorf("asked with %v", asked.last(want))
		}
	}
}
