package power

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// Keys of the private state.
const (
	keyFacts   = "facts"
	keyPending = "readiness_pending"
)

// Names of the managed tags, without prefix, that this resource reads or
// writes beside those of the controller object.
const (
	tagStopReason = "last-stop-reason"
	tagIdlePolicy = "idle-policy"
	// tagsSchedule begins the tags of schedules, one for each.
	tagsSchedule = "schedule:"
)

// The values of the tag last-stop-reason: for a stop that somebody declared, and
// for one of a worker that was idle even right before it. What is stopped by
// something else has no tag.
const (
	stopReasonManual = "manual"
	stopReasonIdle   = "idle"
)

// facts are what a plan needs to know and the state does not show. They change
// in Read, Create and Update only, so that a plan that is made twice comes out
// the same.
type facts struct {
	// AccountID is the owner of the instance: only there does its absence mean
	// that it is gone.
	AccountID string `json:"account_id,omitempty"`
	// Configured is the `state` that was applied last. Under `correct` the
	// attribute itself shows the real state instead.
	Configured string `json:"configured_state,omitempty"`
	// Imported: nothing was applied since the import.
	Imported bool `json:"imported,omitempty"`
	// EIP: the public address is an Elastic IP, and so outlives a stop.
	EIP bool `json:"eip,omitempty"`
	// FixedAddress and FixedURL: `address` and `url` outlive a stop.
	FixedAddress bool `json:"fixed_address,omitempty"`
	FixedURL     bool `json:"fixed_url,omitempty"`
	// Automation names the managed tags of an idle policy or a schedule.
	Automation []string `json:"automation,omitempty"`
	// Drained: a drain has left something in CML, or may have. Unmarked: no tag
	// tells of it. Handled is the value of a tag that stands for nothing any more.
	Drained  bool   `json:"drained,omitempty"`
	Unmarked bool   `json:"drained_unmarked,omitempty"`
	Handled  string `json:"drained_handled,omitempty"`
}

// observe takes over what an instance shows that is reached by the settings;
// tags are its managed ones, without prefix.
func (f *facts) observe(in *instance.Instance, s controller.Settings, tags map[string]string) {
	if in.AccountID != "" {
		f.AccountID = in.AccountID
	}
	f.EIP = in.PublicIPIsEIP
	f.FixedAddress, f.FixedURL = s.AddressIsFixed(readiness.Addresses(in)), s.URLIsFixed(readiness.Addresses(in))
	f.Automation = automation(tags)
}

// automation names those of an instance's managed tags (without prefix) that
// say that something else stops or starts it.
func automation(tags map[string]string) []string {
	var out []string
	for name := range tags {
		if name == tagIdlePolicy || strings.HasPrefix(name, tagsSchedule) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// pending marks a readiness wait that did not finish.
type pending struct {
	// Until is the rung that was waited for.
	Until string `json:"until"`
	// Since is when the wait began.
	Since time.Time `json:"since"`
}

func readFacts(ctx context.Context, from attribute.PrivateReader, diags *diag.Diagnostics) facts {
	f, _ := attribute.ReadPrivate[facts](ctx, from, keyFacts, diags)
	return f
}

func writeFacts(ctx context.Context, to attribute.PrivateWriter, f facts, diags *diag.Diagnostics) {
	attribute.WritePrivate(ctx, to, keyFacts, f, diags)
}

func readPending(ctx context.Context, from attribute.PrivateReader, diags *diag.Diagnostics) (pending, bool) {
	return attribute.ReadPrivate[pending](ctx, from, keyPending, diags)
}

// writePending sets the mark of an unfinished wait, or removes it: nil.
func writePending(ctx context.Context, to attribute.PrivateWriter, p *pending, diags *diag.Diagnostics) {
	if p == nil {
		attribute.WritePrivate(ctx, to, keyPending, nil, diags)
		return
	}
	attribute.WritePrivate(ctx, to, keyPending, p, diags)
}
