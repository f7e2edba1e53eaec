package worker

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// ladder is one readiness wait.
type ladder struct {
	ec2     *instance.Client
	machine *instance.Instance
	plan    *model
	wait    attribute.Wait
	// creating: the machine is ours and new, so its certificate may be pinned,
	// and a refused password is tried a second time.
	creating bool
	// pins: record the certificate when the wait ends.
	pins bool
}

// outcome is how a wait ended.
type outcome struct {
	id, account string
	created     time.Time
	service     *service
	pending     *pending // nil: finished
	diags       diag.Diagnostics
}

// runLadder waits for the rung that the configuration names. It never returns
// an error beside the machine: what happened is in the diagnostics.
func (r *Resource) runLadder(ctx context.Context, l ladder) outcome {
	out := outcome{id: l.machine.ID, account: l.machine.AccountID, created: l.machine.LaunchTime}
	started := time.Now()
	target, diags := r.target(ctx, l)
	out.diags.Append(diags...)
	options := l.wait.Options
	options.Creating, options.PinFirst = l.creating, l.creating || l.pins
	if options.Interval == 0 {
		options.Interval = r.set.Interval()
	}
	result, err := readiness.Wait(ctx, target, options, progress(ctx, l.plan.Name.ValueString()))
	out.service = newService(result, readiness.ServiceStatus(result, options.Until))
	for _, text := range result.Warnings {
		tfdiag.Warn(&out.diags, r.set, tfdiag.HealthUnknown, text)
	}
	if err == nil {
		if l.creating || l.pins {
			out.service.pin = out.service.seen
		}
		out.checkReported(l.plan, options.Until)
		return out
	}
	if fault.Is(err, fault.NotFound) {
		out.diags.Append(tfdiag.Error("CML worker ended while it was waited for", tfdiag.About{ID: out.id, Region: l.ec2.Region()}, err))
		return out
	}
	out.pending = &pending{Until: options.Until.String(), Since: started.UTC(), Pins: options.PinFirst}
	switch {
	case fault.Is(err, fault.Canceled):
		tfdiag.Warn(&out.diags, r.set, tfdiag.ReadinessPending, fmt.Sprintf("The wait for worker %s was cancelled. The machine runs and is in the state; the next apply resumes the wait for %q.", out.id, options.Until))
	case fault.Is(err, fault.Timeout) && l.wait.Keep:
		tfdiag.Warn(&out.diags, r.set, tfdiag.ReadinessPending, fmt.Sprintf("Worker %s runs but did not become %q in time, and on_timeout is \"keep\": the next plan shows one in-place change that resumes the wait.\n\n%s", out.id, options.Until, err))
	default:
		about := tfdiag.About{ID: out.id, Region: l.ec2.Region()}
		out.diags.Append(tfdiag.Error("CML worker did not become ready", about, err))
		if l.creating && (result.Instance == nil || !result.Instance.Gone()) {
			tfdiag.Warn(&out.diags, r.set, tfdiag.WorkerTainted, fmt.Sprintf(
				"Terraform marks worker %s as tainted and will replace it. To keep the machine and resume the wait with the next apply: `terraform untaint` on its address. With readiness.on_timeout = \"keep\" a time-out is a warning instead.", out.id))
		}
	}
	return out
}

// checkReported compares what CML reports with the version that is expected.
func (o *outcome) checkReported(plan *model, until readiness.Rung) {
	want := plan.ExpectedCMLVersion.ValueString()
	if want == "" || until < readiness.API || o.service.version == "" || sameRelease(want, o.service.version) {
		return
	}
	o.diags.AddAttributeError(path.Root("expected_cml_version"), "Another CML version than expected", fmt.Sprintf(
		"CML on worker %s reports %s, but expected_cml_version is %s: the image holds another version than it should. Choose another image, or change expected_cml_version.", o.id, o.service.version, want))
}

// target says where CML is and who may ask it.
func (r *Resource) target(ctx context.Context, l ladder) (readiness.Target, diag.Diagnostics) {
	settings, diags := attribute.ExpandController(ctx, l.plan.Controller)
	settings = controller.Merge(settings, r.set.Controller(), controller.Defaults())
	return readiness.Target{
		Instances: l.ec2, InstanceID: l.machine.ID, AccountID: l.machine.AccountID, LaunchedAt: l.machine.LaunchTime,
		Instance: l.machine, Settings: settings, ResolveCredentials: r.set.CredentialsFor(l.ec2.Region(), settings), Transport: r.set.Transport(),
	}, diags
}

// readBack reads the machine and its volume for the values that the plan left
// unknown. It returns nil when the machine cannot be read; the diagnostics say
// so, unless an error says more already.
func (r *Resource) readBack(ctx context.Context, ec2 *instance.Client, out outcome, prior *model, image *imageFacts, diags *diag.Diagnostics) *model {
	machine, err := ec2.FindFresh(ctx, out.id, out.account, out.created)
	if err != nil {
		if !diags.HasError() {
			diags.Append(tfdiag.Error("Unable to read CML worker back", tfdiag.About{ID: out.id, Region: ec2.Region()}, err))
		}
		return nil
	}
	f := found{instance: machine, service: out.service, image: image}
	f.volume = r.volume(ctx, ec2, machine, diags)
	f.allocation = r.allocation(ctx, ec2, machine, prior, diags)
	m := flatten(ctx, r.set, f, prior, diags)
	if prior.HourlyCostEstimate.IsUnknown() {
		limited, cancel := context.WithTimeout(ctx, estimateLimit)
		defer cancel()
		m.HourlyCostEstimate = r.estimate(limited, ec2, machine, f.volume, diags)
	}
	return m
}

// volume reads the root volume; a missing permission leaves it unread, with a
// warning.
func (r *Resource) volume(ctx context.Context, ec2 *instance.Client, machine *instance.Instance, diags *diag.Diagnostics) *instance.Volume {
	if machine.RootVolumeID == "" {
		return nil
	}
	v, err := ec2.Volume(ctx, machine.RootVolumeID)
	if err != nil {
		tfdiag.Warn(diags, r.set, tfdiag.NotReadable, fmt.Sprintf("The root volume %s of worker %s keeps its last known values: %s", machine.RootVolumeID, machine.ID, err))
		return nil
	}
	return v
}

// newRevision returns a fresh opaque value.
func newRevision() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
