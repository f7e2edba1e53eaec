package instance_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const nobody = "i-0123456789abcdef0"

// defaultGather restores the pace of production for what counts requests.
func defaultGather(o *instance.Options) { o.Gather = 0 }

// One refresh of 200 workers at -parallelism=50, in pages of five: at most ten
// questions, and the one that is missing is the one that is gone.
func TestFindMany(t *testing.T) {
	w := newWorld(t, simulator.Options{}, defaultGather)
	ids := w.many(t, 199)
	ids = append(ids[:77:77], append([]string{nobody}, ids[77:]...)...)
	w.sim.Recorder.Reset()
	reader := w.client(defaultGather)
	var gone, found atomic.Int32
	together(ids, func(id string) {
		i, err := reader.Find(t.Context(), id, simulator.DefaultAccountID)
		switch {
		case err == nil && i.ID == id:
			found.Add(1)
		case fault.Is(err, fault.NotFound) && id == nobody:
			gone.Add(1)
		default:
			t.Errorf("%s: %v, %v", id, i, err)
		}
	})
	if found.Load() != 199 || gone.Load() != 1 {
		t.Errorf("%d found, %d gone", found.Load(), gone.Load())
	}
	alone := 0
	for _, r := range w.sent("DescribeInstances") {
		if r.Params.Has("InstanceId.1") {
			alone++
			if r.Params.Get("InstanceId.1") != nobody || r.Params.Has("InstanceId.2") {
				t.Errorf("asked alone: %v", r.Params)
			}
		}
	}
	if n := w.count("DescribeInstances"); alone != 1 || n > 11 {
		t.Errorf("%d questions in all, %d of them for the absent one alone", n, alone)
	}
}

func TestFindPages(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 5})
	ids := w.many(t, 23)
	together(ids, func(id string) {
		if i, err := w.Find(t.Context(), id, ""); err != nil || i.ID != id {
			t.Errorf("%s: %v", id, err)
		}
	})
	found, err := w.Search(t.Context(), instance.Query{Name: "lab"})
	if err != nil || len(found) != 23 {
		t.Errorf("%d found, %v", len(found), err)
	}
}

// Who has seen enough asks for no further page, of no further image either.
func TestSearchPagesStops(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 5})
	ids := w.many(t, 12)
	w.sim.Region(region).SetTags(ids[0], map[string]string{"Name": "lab", "aws:autoscaling:groupName": "labs"})
	images := []string{image291}
	for n := range 150 { // more than one question's worth
		images = append(images, fmt.Sprintf("ami-%017x", n))
	}
	for _, most := range []int{1, 2} {
		w.sim.Recorder.Reset()
		pages, seen := 0, map[string]*instance.Instance{}
		err := w.SearchPages(t.Context(), instance.Query{Name: "lab", ImageIDs: images}, func(page []*instance.Instance) bool {
			for _, i := range page {
				seen[i.ID] = i
			}
			pages++
			return pages < most
		})
		if err != nil || len(seen) != 5*most || w.count("DescribeInstances") != most {
			t.Errorf("%d seen, %d pages asked for, want %d of 5: %v", len(seen), w.count("DescribeInstances"), most, err)
		}
	}
	found, err := w.Search(t.Context(), instance.Query{IDs: ids[:2]})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	for _, i := range found {
		if want := map[string]string{ids[0]: "labs"}[i.ID]; i.AutoScalingGroup != want {
			t.Errorf("%s is of the group %q, want %q", i.ID, i.AutoScalingGroup, want)
		}
	}
}

// A server that sends its readers in a circle does not hold them for ever.
func TestFindPagesInCircle(t *testing.T) {
	c := clientOf(answering(t, func(action string) string {
		return `<DescribeInstancesResponse><reservationSet/><nextToken>again</nextToken></DescribeInstancesResponse>`
	}))
	if _, err := c.Find(t.Context(), nobody, ""); !fault.Is(err, fault.Server) {
		t.Errorf("got %v", err)
	}
}

// With the credentials of another account nothing is gone, and nobody is asked twice.
func TestFindWrongAccount(t *testing.T) {
	w := newWorld(t, simulator.Options{}, func(o *instance.Options) {
		o.AccountID = func(context.Context) (string, error) { return "210987654321", nil }
	})
	for _, do := range []func(id string) error{
		func(id string) error { _, err := w.Find(t.Context(), id, simulator.DefaultAccountID); return err },
		func(id string) error {
			return w.Terminate(t.Context(), id, simulator.DefaultAccountID, instance.StopGraceful, nil)
		},
		func(id string) error {
			_, err := w.Start(t.Context(), id, simulator.DefaultAccountID, instance.StartOptions{})
			return err
		},
	} {
		err := do(nobody)
		if !fault.Is(err, fault.NotVisible) {
			t.Fatalf("got %v", err)
		}
		for _, part := range []string{"not visible with these credentials", nobody, simulator.DefaultAccountID, "210987654321"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not name %q", err, part)
			}
		}
	}
	for _, r := range w.sent("DescribeInstances") {
		if r.Params.Has("InstanceId.1") {
			t.Error("the absent instance was asked for alone")
		}
	}
}

func TestFindAccountUnknown(t *testing.T) {
	broken := errors.New("no STS")
	w := newWorld(t, simulator.Options{})
	for _, tc := range []struct {
		name    string
		ask     func(context.Context) (string, error)
		account string
		want    func(error) bool
	}{
		{"same", func(context.Context) (string, error) { return "1", nil }, "1", isGone},
		{"not in state", func(context.Context) (string, error) { return "1", nil }, "", isGone},
		{"nobody to ask", nil, "1", isGone},
		{"not told", func(context.Context) (string, error) { return "", nil }, "1", isGone},
		{"STS fails", func(context.Context) (string, error) { return "", broken }, "1", func(err error) bool { return errors.Is(err, broken) }},
	} {
		c := w.client(func(o *instance.Options) { o.AccountID = tc.ask })
		if _, err := c.Find(t.Context(), nobody, tc.account); !tc.want(err) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func isGone(err error) bool {
	var gone *instance.GoneError
	return fault.Is(err, fault.NotFound) && errors.As(err, &gone)
}

func TestFindMalformed(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	if _, err := w.Find(t.Context(), "i-bogus", simulator.DefaultAccountID); !fault.Is(err, fault.BadReference) {
		t.Errorf("got %v", err)
	}
}

// Terminated and shutting-down are gone as well, and the error says why.
func TestFindTerminated(t *testing.T) {
	w := newWorld(t, simulator.Options{Timing: simulator.Timing{ShuttingDown: time.Hour}})
	made := w.run(t, plain())
	w.fail(refusal("StopInstances", "X", "x", 1)) // proves below that the recorder sees others
	if _, err := w.Stop(t.Context(), made.ID, "", instance.StopGraceful, nil); err == nil {
		t.Fatal("the fault had no effect")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := w.Terminate(ctx, made.ID, made.AccountID, instance.StopGraceful, nil)
	if !fault.Is(err, fault.Timeout) || !strings.Contains(err.Error(), "shutting-down") {
		t.Errorf("terminate: %v", err)
	}
	_, err = w.Find(t.Context(), made.ID, made.AccountID)
	var gone *instance.GoneError
	if !errors.As(err, &gone) || gone.Instance == nil || gone.Instance.State != instance.StateShuttingDown {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "User initiated") {
		t.Errorf("%q does not say why", err)
	}
	found, err := w.Search(t.Context(), instance.Query{})
	if err != nil || len(found) != 0 {
		t.Errorf("search: %v, %v", found, err)
	}
}

// A new instance may be unknown to reads for a while; only an old one is gone.
func TestFindFresh(t *testing.T) {
	w := newWorld(t, simulator.Options{Consistency: simulator.Consistency{Reads: 3}})
	made := w.launch(t, plain())
	other := w.client() // does not know that it is new
	if _, err := other.Find(t.Context(), made.ID, made.AccountID); !isGone(err) {
		t.Fatalf("the simulator shows it at once: %v", err)
	}
	if i, err := other.FindFresh(t.Context(), made.ID, made.AccountID, time.Now()); err != nil || i.ID != made.ID {
		t.Errorf("got %v", err)
	}
	again := w.launch(t, plain())
	if i, err := w.Find(t.Context(), again.ID, again.AccountID); err != nil || i.ID != again.ID {
		t.Errorf("the client that launched it: %v", err)
	}
	if _, err := w.FindFresh(t.Context(), nobody, "", time.Now().Add(-time.Hour)); !isGone(err) {
		t.Errorf("an old one: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.FindFresh(ctx, nobody, "", time.Now()); !fault.Is(err, fault.Timeout) {
		t.Errorf("the deadline within the grace: %v", err)
	}
}

// An absent instance may also be an empty answer.
func TestFindEmptyAnswer(t *testing.T) {
	c := clientOf(answering(t, func(action string) string {
		return `<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>`
	}))
	if _, err := c.Find(t.Context(), nobody, simulator.DefaultAccountID); !isGone(err) {
		t.Errorf("got %v", err)
	}
}

// An error of a batch reaches its readers, is no proof of absence and is
// over with the batch.
func TestFindError(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	ids := w.many(t, 5)
	w.sim.Recorder.Reset()
	w.fail(refusal("DescribeInstances", "UnauthorizedOperation", "You are not authorized to perform this operation.", 1))
	c := w.client(func(o *instance.Options) { o.Gather = 300 * time.Millisecond })
	together(ids, func(id string) {
		_, err := c.Find(t.Context(), id, simulator.DefaultAccountID)
		if e := fault.As(err); e == nil || e.Kind != fault.PermissionDenied || e.MissingAction != "ec2:DescribeInstances" ||
			e.Region != region || e.RequestID == "" {
			t.Errorf("%s: %+v", id, e)
		}
	})
	if n := w.count("DescribeInstances"); n != 1 {
		t.Errorf("%d questions", n)
	}
	if _, err := c.Find(t.Context(), ids[0], simulator.DefaultAccountID); err != nil {
		t.Errorf("the next batch: %v", err)
	}
}

// One reader's end is not that of the others.
func TestFindReaderCanceled(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	ids := w.many(t, 2)
	w.fail(wire.Rule{Operation: "DescribeInstances", Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(300 * time.Millisecond)}})
	c := w.client(func(o *instance.Options) { o.Gather = 50 * time.Millisecond })
	first, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	together(ids, func(id string) {
		ctx := t.Context()
		if id == ids[0] {
			ctx = first
		}
		_, err := c.Find(ctx, id, "")
		if id == ids[0] && !fault.Is(err, fault.Timeout) {
			t.Errorf("the one in a hurry: %v", err)
		}
		if id == ids[1] && err != nil {
			t.Errorf("the other: %v", err)
		}
	})
}

// Two readers of one answer cannot spoil each other's.
func TestFindCopies(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	id := w.run(t, plain()).ID
	c := w.client(func(o *instance.Options) { o.Gather = 50 * time.Millisecond })
	together([]string{id, id, id}, func(id string) {
		i, err := c.Find(t.Context(), id, "")
		if err != nil || i.Tags["mine"] != "" {
			t.Errorf("%v, %v", i, err)
			return
		}
		i.Tags["mine"] = "yes"
		i.SecurityGroupIDs[0] = "spoiled"
	})
}

func TestSearch(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	a := plain()
	star := plain()
	star.Tags = map[string]string{"Name": "lab*"}
	star.SubnetIDs, star.InstanceTypes = []string{subnetB}, []string{"r8i.4xlarge"}
	first, second := w.run(t, a), w.stopped(t, star)
	odd := plain()
	odd.Tags = map[string]string{"Name": `a\b`}
	third := w.run(t, odd)
	w.stopped(t, plain())
	ended := w.run(t, plain())
	if err := w.Terminate(t.Context(), ended.ID, "", instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name  string
		query instance.Query
		want  int
		has   string
	}{
		{"all that live", instance.Query{}, 4, first.ID},
		{"name", instance.Query{Name: "lab"}, 2, first.ID},
		{"a name like a pattern", instance.Query{Name: "lab*"}, 1, second.ID},
		{"a name like an escape", instance.Query{Name: `a\b`}, 1, third.ID},
		{"tags", instance.Query{Tags: map[string]string{"Owner": "netops"}}, 2, first.ID},
		{"other value", instance.Query{Tags: map[string]string{"Owner": "ops"}}, 0, ""},
		{"ours", instance.Query{ManagedOnly: true}, 2, first.ID},
		{"state", instance.Query{States: []string{"running"}}, 2, first.ID},
		{"type", instance.Query{Types: []string{"r8i.4xlarge", "x.large"}}, 1, second.ID},
		{"image", instance.Query{ImageIDs: []string{image291}}, 4, second.ID},
		{"other image", instance.Query{ImageIDs: []string{"ami-0123456789abcdef0"}}, 0, ""},
		{"subnet", instance.Query{SubnetIDs: []string{subnetB}}, 1, second.ID},
		{"vpc and group", instance.Query{VPCIDs: []string{vpcID}, SecurityGroupIDs: []string{groupCML}}, 4, first.ID},
		{"zone", instance.Query{AvailabilityZones: []string{second.AvailabilityZone}}, 1, second.ID},
		{"ids", instance.Query{IDs: []string{second.ID, nobody}}, 1, second.ID},
	} {
		found, err := w.Search(t.Context(), tc.query)
		if err != nil || len(found) != tc.want {
			t.Errorf("%s: %d found, %v", tc.name, len(found), err)
			continue
		}
		has := tc.want == 0
		for _, i := range found {
			has = has || i.ID == tc.has
		}
		if !has {
			t.Errorf("%s: %s is not among them", tc.name, tc.has)
		}
	}
	if _, err := w.client(func(o *instance.Options) { o.Tags.Enabled = false }).
		Search(t.Context(), instance.Query{ManagedOnly: true}); !fault.Is(err, fault.Invalid) {
		t.Errorf("ours without marker tags: %v", err)
	}
}

func TestOrphans(t *testing.T) {
	w := newWorld(t, simulator.Options{})
	live := w.run(t, plain())
	stranger := plain()
	stranger.Tags = map[string]string{"Name": "lab", "cml:worker-name": "lab", "cml:managed-by": "someone"}
	w.run(t, stranger)
	ended := w.run(t, plain())
	if err := w.Terminate(t.Context(), ended.ID, "", instance.StopGraceful, nil); err != nil {
		t.Fatal(err)
	}
	found, err := w.Orphans(t.Context(), "lab")
	if err != nil || len(found) != 1 || found[0].ID != live.ID {
		t.Errorf("got %v, %v", found, err)
	}
	if found, err := w.Orphans(t.Context(), "la*"); err != nil || len(found) != 0 {
		t.Errorf("a name like a pattern: %v, %v", found, err)
	}
	w.sim.Recorder.Reset()
	off := w.client(func(o *instance.Options) { o.Tags.Enabled = false })
	if found, err := off.Orphans(t.Context(), "lab"); err != nil || found != nil || w.count("DescribeInstances") != 0 {
		t.Errorf("markers off: %v, %v", found, err)
	}
}
