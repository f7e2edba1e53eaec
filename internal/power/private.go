package power

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

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

// stopReasonManual is the value of the tag last-stop-reason for a stop that
// somebody declared, in contrast to "idle" and "schedule".
const stopReasonManual = "manual"

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

// The private state of a request and that of a response.
type (
	privateReader interface {
		GetKey(ctx context.Context, key string) ([]byte, diag.Diagnostics)
	}
	privateWriter interface {
		SetKey(ctx context.Context, key string, value []byte) diag.Diagnostics
	}
)

func readPrivate[T any](ctx context.Context, from privateReader, key string) (T, bool, diag.Diagnostics) {
	var out T
	raw, diags := from.GetKey(ctx, key)
	if len(raw) == 0 || diags.HasError() {
		return out, false, diags
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		diags.AddError("Unreadable private state of CML worker power",
			fmt.Sprintf("The entry %q that this provider keeps beside the state cannot be read: %s.", key, err))
		return out, false, diags
	}
	return out, true, diags
}

func writePrivate(ctx context.Context, to privateWriter, key string, value any) diag.Diagnostics {
	raw, err := json.Marshal(value)
	if err != nil {
		return diag.Diagnostics{diag.NewErrorDiagnostic("Unable to keep private state of CML worker power", err.Error())}
	}
	return to.SetKey(ctx, key, raw)
}

func readFacts(ctx context.Context, from privateReader, diags *diag.Diagnostics) facts {
	f, _, d := readPrivate[facts](ctx, from, keyFacts)
	diags.Append(d...)
	return f
}

func readPending(ctx context.Context, from privateReader, diags *diag.Diagnostics) (pending, bool) {
	p, ok, d := readPrivate[pending](ctx, from, keyPending)
	diags.Append(d...)
	return p, ok
}

// clearPending removes the mark.
func clearPending(ctx context.Context, to privateWriter, diags *diag.Diagnostics) {
	diags.Append(to.SetKey(ctx, keyPending, nil)...)
}
