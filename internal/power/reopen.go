package power

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// tagDrain is the managed tag of a worker in whose CML a drain has left
// something: until when a run is, or was, at work on it. Whoever starts the
// worker next takes it back, whatever state that one keeps.
const tagDrain = "drained"

// markDrain writes the tag, with the tags that come along; where it cannot, the
// private state has to do.
func (op *operation) markDrain(ctx context.Context, until time.Time, along map[string]string) {
	tags := map[string]string{tagDrain: until.UTC().Format(time.RFC3339)}
	maps.Copy(tags, along)
	if op.unmarked = !op.tag(ctx, tags); !op.unmarked {
		op.mark = tags[tagDrain]
	}
}

// unmarkDrain removes the tag again, also of an earlier drain of the instance.
func (op *operation) unmarkDrain(ctx context.Context, in *instance.Instance) {
	if tag, marked := op.tagsOf(in)[tagDrain]; marked && op.mark == "" {
		op.mark = tag
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	if op.mark != "" && !op.tag(ctx, nil, tagDrain) {
		op.handled = op.mark
	}
	op.mark, op.unmarked = "", false
}

// left reports whether, by the tags of an instance or the facts themselves, a
// drain may have left something in CML, and nobody is at work any more.
func (f facts) left(tags map[string]string) bool {
	until, marked := tags[tagDrain]
	if !marked || until == f.Handled {
		return f.Unmarked
	}
	at, err := time.Parse(time.RFC3339, until)
	return err != nil || time.Now().After(at) || f.Unmarked
}

// reopen takes back what a drain has told the users of a worker that is not
// stopped after all, and adds to the failure what it could not.
func (op *operation) reopen(ctx context.Context, in *instance.Instance, f *failure) error {
	if !op.announced {
		return f
	}
	ctx = context.WithoutCancel(ctx)
	limited, cancel := context.WithTimeout(ctx, afterwards)
	defer cancel()
	// Patience that ends before the context leaves CML's own words.
	if err := op.withdraw(limited, in, afterwards/2); err != nil {
		marking, cancel := context.WithTimeout(ctx, afterwards)
		defer cancel()
		op.markDrain(marking, time.Now(), nil)
		f.err = fmt.Errorf("%w. The worker is still in maintenance mode or shows its notice, since CML could not be told otherwise (%w); %s", f.err, err, op.word("the next apply tries again", "`cml_worker_maintenance` with `enabled = false` tries again"))
	}
	return f
}

// withdraw takes back what a drain has left, and the mark with it.
func (op *operation) withdraw(ctx context.Context, in *instance.Instance, patience time.Duration) error {
	client, err := op.administrator(ctx, in)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Withdraw(ctx, op.pace(), patience); err != nil {
		return err
	}
	op.announced = false
	op.unmarkDrain(ctx, in)
	return nil
}

// open takes back, once the worker runs again, what the drain before its stop
// has left, and notes in the facts whether something is left still.
func (op *operation) open(ctx context.Context, seen sight, f *facts) {
	in := seen.instance
	left := op.announced || f.left(op.tagsOf(in))
	op.leave(f)
	if f.Drained = left; in.State != stateRunning {
		return
	}
	if !left && !(op.started && seen.answers && op.closed(ctx, in)) {
		return
	}
	// A wait that did not end well is no time to begin another one.
	patience := op.polls(bootPolls)
	if seen.pending != nil || seen.failed {
		patience = afterwards
	}
	err := op.withdraw(ctx, in, patience)
	if err == nil {
		f.Drained, f.Unmarked, f.Handled = false, false, op.handled
		return
	}
	f.Drained = true
	tfdiag.Warn(op.diags, op.set, tfdiag.DrainLeft, fmt.Sprintf(
		"The worker %s runs, and may still be in the maintenance mode, or show the notice, of the drain before its stop: %s. "+
			"%s; an administrator can also end it in CML.", op.id, err, op.word("The next apply tries again", "`cml_worker_maintenance` with `enabled = false` tries again")))
}

// leave notes in the facts what a drain of this operation has left, if anything.
func (op *operation) leave(f *facts) {
	f.Drained = f.Drained || op.announced
	f.Unmarked = f.Unmarked || op.announced && op.unmarked
}

// closed asks CML, as everybody may, whether a drain has left it in maintenance
// mode that left no mark: of another run that was killed, or without tags.
func (op *operation) closed(ctx context.Context, in *instance.Instance) bool {
	s := op.set.SettingsFor(in, op.opts.controller)
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	client := controller.New(endpoint(in, s), s, controller.Credentials{}, op.set.Transport())
	defer client.Close()
	m, err := client.PublicMaintenance(ctx)
	return err == nil && m.ClosedByDrain()
}

// leaves warns at the end of a resource of what it leaves in a worker's CML.
func (r *Resource) leaves(id string, diags *diag.Diagnostics) {
	text := fmt.Sprintf("CML on the worker %s stays in maintenance mode, or shows a notice, of the drain before its stop. ", id)
	if tags := r.set.ManagedTags(); tags.Enabled {
		text += fmt.Sprintf("The next start by a `cml_worker_power`, or by the action `cml_worker_start`, takes that back, by the tag %s. After any other start", tags.Key(tagDrain))
	} else {
		text += "After the next start"
	}
	tfdiag.Warn(diags, r.set, tfdiag.DrainLeft, text+" an administrator has to end it in CML.")
}

// readDrain notes in the facts whether a drain has left something in CML, and
// warns of it where the worker runs. It asks nobody.
func (op *operation) readDrain(in *instance.Instance, f *facts) {
	f.Drained = f.left(op.tagsOf(in))
	if f.Drained && in.State == stateRunning {
		tfdiag.Warn(op.diags, op.set, tfdiag.DrainLeft, fmt.Sprintf(
			"The worker %s runs, and may still be in the maintenance mode, or show the notice, of a drain: it was started outside Terraform after a stop, or the apply that drained it did not end. The next apply takes both back.", op.id))
	}
}
