package automation_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

// front is a CloudWatch before the lab's, which shows alarms in its own way.
type front struct {
	lab *idleLab
	// stale is how many reads after a put still show what was before it.
	stale int
	// without are the members that it leaves out of an alarm.
	without []string

	mu      sync.Mutex
	left    int
	deleted bool // by the last change
	// hasty: an alarm was put while one that was deleted still showed, so that it
	// could be taken for an update of that one.
	hasty bool
	known map[string][]byte // the newest true answer, by request
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	asked, _ := io.ReadAll(r.Body)
	behind, err := http.NewRequestWithContext(r.Context(), r.Method, f.lab.Endpoint()+r.URL.Path, bytes.NewReader(asked))
	if err != nil {
		panic(err)
	}
	behind.Header, behind.Host = r.Header.Clone(), r.Host
	behind.Header.Del("Accept-Encoding") // so that the transport unpacks the answer
	got, err := http.DefaultTransport.RoundTrip(behind)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	answer, _ := io.ReadAll(got.Body)
	_ = got.Body.Close()
	switch {
	case strings.HasSuffix(r.URL.Path, "/PutMetricAlarm"):
		f.hasty = f.hasty || f.deleted && f.left > 0
		f.left, f.deleted = f.stale, false
	case strings.HasSuffix(r.URL.Path, "/DeleteAlarms"):
		f.left, f.deleted = f.stale, true
	case strings.HasSuffix(r.URL.Path, "/DescribeAlarms"):
		answer = f.shown(string(asked), answer)
	}
	maps.Copy(w.Header(), got.Header)
	w.Header().Del("Content-Length")
	w.WriteHeader(got.StatusCode)
	_, _ = w.Write(answer)
}

// shown is what this front answers where the truth is answer.
func (f *front) shown(asked string, answer []byte) []byte {
	if old, ok := f.known[asked]; ok && f.left > 0 {
		f.left--
		return old
	}
	value, err := cbor.Decode(answer)
	if whole, ok := value.(cbor.Map); err == nil && ok {
		alarms, _ := whole["MetricAlarms"].(cbor.List)
		for _, a := range alarms {
			for _, name := range f.without {
				delete(a.(cbor.Map), name)
			}
		}
		answer = cbor.Encode(whole)
	}
	f.known[asked] = answer
	return answer
}

// through is the provider's block with a front before CloudWatch.
func (l *idleLab) through(f *front) string {
	l.t.Helper()
	f.lab, f.known = l, map[string][]byte{}
	server := httptest.NewServer(f)
	l.t.Cleanup(server.Close)
	direct := fmt.Sprintf("cloudwatch     = %q", l.Endpoint())
	block := l.provider("")
	if !strings.Contains(block, direct) {
		l.t.Fatal("the provider's block has no endpoint of CloudWatch")
	}
	return strings.Replace(block, direct, fmt.Sprintf("cloudwatch     = %q", server.URL), 1)
}

// A read that does not show the newest put yet is no change of somebody else's.
func TestIdlePolicyShowsLate(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	f := &front{stale: 2}
	through := l.through(f)
	longer := through + l.policy(strings.Replace(whole, "1800s", "1h", 1))
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: through + l.policy(whole)}, // and the plan after each step is empty
		{Config: longer, ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
		{PreConfig: l.off, Config: longer, ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
		// The warning alone.
		{Config: strings.Replace(longer, "\"20m\"", "\"25m\"", 1), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
	}})
	if f.hasty {
		t.Error("an alarm was put before the deleted one was gone")
	}
}

// A policy that is replaced does not meet the alarm of the one before.
func TestIdlePolicyMadeAnew(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	f := &front{stale: 2}
	config := l.through(f) + l.policy("idle_threshold = \"1h\"")
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{Config: config},
		{Taint: []string{lab}, Config: config, ConfigPlanChecks: planned(plancheck.ResourceActionDestroyBeforeCreate)},
	}})
	if f.hasty {
		t.Error("an alarm was put before the deleted one was gone")
	}
}

// What a server leaves out is not asked for in vain, nor planned for ever.
func TestIdlePolicyOfFewWords(t *testing.T) {
	t.Parallel()
	l := newIdleLab(t)
	through := l.through(&front{without: []string{
		"AlarmArn", "StateValue", "ActionsEnabled", "DatapointsToAlarm", "OKActions", "InsufficientDataActions", "StateReason", "StateUpdatedTimestamp",
	}})
	acctest.Test(t, resource.TestCase{CheckDestroy: l.none, Steps: []resource.TestStep{
		{
			Config: through + l.policy("idle_warning = \"20m\"\n  sns_topic_arn = \""+topic+"\""),
			Check:  resource.ComposeAggregateTestCheckFunc(resource.TestCheckNoResourceAttr(lab, "alarm_arn"), resource.TestCheckNoResourceAttr(lab, "warning_alarm_arn")),
		},
		{Config: through + l.policy("idle_threshold = \"1h\""), ConfigPlanChecks: planned(plancheck.ResourceActionUpdate)},
	}})
	if l.Recorder.Count("", "ListTagsForResource") > 0 {
		t.Error("the tags of an alarm without ARN were asked for")
	}
}
