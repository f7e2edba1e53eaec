package storage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-log/tflog"

	"github.com/cml-infra/terraform-provider-cml/internal/act"
	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

const (
	// askLimit bounds each question to CML that the snapshots do not depend on.
	askLimit = 5 * time.Second
	// restoreLimit bounds starting a worker again that was stopped for its
	// snapshots. It runs also after a cancel or a time-out: whoever interrupts a
	// backup does not mean to leave the lab down.
	restoreLimit = 10 * time.Minute
)

// taker takes the snapshots of one worker.
type taker struct {
	set        *clients.Set
	ec2        *instance.Client
	id         string
	controller controller.Settings
	quiesce    string
	// description is "" for the default.
	description string
	tags        map[string]string
	// account is the owner of the instance, once it was read.
	account string
	// call is the invocation of an action, nil in the resource.
	call *act.Call
}

// taken is a set of snapshots that has begun.
type taken struct {
	snapshots []*instance.Snapshot
	instance  *instance.Instance
	seen      seen
}

func newTaker(ctx context.Context, set *clients.Set, ec2 *instance.Client, m *model, diags *diag.Diagnostics) *taker {
	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	t := &taker{
		set: set, ec2: ec2, id: m.WorkerID.ValueString(), controller: settings, quiesce: quiesceOf(m),
		tags: attribute.Map(m.TagsAll), description: m.Description.ValueString(),
	}
	if t.description == "" {
		t.description = "Snapshot of CML worker " + t.id
	}
	return t
}

// quiesceOf is `quiesce` with its default.
func quiesceOf(m *model) string {
	if q := m.Quiesce.ValueString(); q != "" {
		return q
	}
	return quiesceNone
}

func (t *taker) progress(ctx context.Context) func(string) {
	return func(text string) {
		tflog.Info(ctx, text, map[string]any{"worker_id": t.id})
		if t.call != nil {
			t.call.Tell(text)
		}
	}
}

// take brings the worker to rest, begins the snapshots and puts the power state
// back. Snapshots that have begun come back also with an error.
func (t *taker) take(ctx context.Context) (taken, error) {
	in, err := t.find(ctx)
	if err != nil {
		return taken{}, err
	}
	out := taken{instance: in, seen: t.ask(ctx, in)}
	switch {
	case in.State != instance.StateRunning:
		out.snapshots, err = t.begin(ctx, out)
	case t.quiesce == quiesceStopLabs:
		if err = t.stopLabs(ctx, in); err == nil {
			out.snapshots, err = t.begin(ctx, out)
		}
	case t.quiesce == quiesceStop:
		if _, err = t.ec2.Stop(ctx, t.id, t.account, instance.StopGraceful, t.progress(ctx)); err == nil {
			out.snapshots, err = t.begin(ctx, out)
		}
		if failed := t.restart(ctx); failed != nil {
			err = errors.Join(err, &notRestarted{id: t.id, err: failed})
		}
	default:
		out.snapshots, err = t.begin(ctx, out)
	}
	return out, err
}

// find reads the worker, and waits until it is neither starting nor stopping,
// since EC2 takes snapshots of running and stopped instances only.
func (t *taker) find(ctx context.Context) (*instance.Instance, error) {
	in, err := t.ec2.Find(ctx, t.id, "")
	if err != nil {
		return nil, err
	}
	t.account = in.AccountID
	switch in.State {
	case instance.StatePending:
		return t.ec2.WaitRunning(ctx, t.id, t.account, time.Time{}, t.progress(ctx))
	case instance.StateStopping:
		return t.ec2.Stop(ctx, t.id, t.account, instance.StopGraceful, t.progress(ctx))
	}
	return in, nil
}

func (t *taker) begin(ctx context.Context, of taken) ([]*instance.Snapshot, error) {
	tags, err := managed(ctx, t.set, of.instance, of.seen)
	if err != nil {
		return nil, err
	}
	for k, v := range t.tags {
		tags[k] = v
	}
	made, err := t.ec2.CreateSnapshots(ctx, t.id, t.description, "", tags)
	if len(made) > 0 && t.call != nil {
		t.call.Say("snapshots of worker %s have begun: %s", t.id, described(made, placeOf(of.instance)))
	}
	return made, err
}

// restart starts the worker again, whatever became of the stop and of ctx.
func (t *taker) restart(ctx context.Context) error {
	if t.call != nil && ctx.Err() != nil {
		// The end of an action may come too late to be shown.
		t.call.Say("the action ends early, but starts worker %s again", t.id)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreLimit)
	defer cancel()
	_, err := t.ec2.Start(ctx, t.id, t.account, instance.StartOptions{Progress: t.progress(ctx)})
	return err
}

// notRestarted says that a worker was stopped for its snapshots and does not
// run again.
type notRestarted struct {
	id  string
	err error
}

// Error implements error.
func (e *notRestarted) Error() string {
	return fmt.Sprintf("worker %s was stopped for the snapshots and could not be started again: %s", e.id, e.err)
}

// Unwrap returns the cause.
func (e *notRestarted) Unwrap() error { return e.err }

// settings say how CML on the worker is reached.
func (t *taker) settings(in *instance.Instance) controller.Settings {
	return t.set.SettingsFor(in, t.controller)
}

// client speaks to CML on the worker. The zero credentials do for what it tells
// everybody.
func (t *taker) client(in *instance.Instance, s controller.Settings, credentials controller.Credentials) *controller.Client {
	return controller.New(s.Pick(readiness.Addresses(in)), s, credentials, t.set.Transport())
}

func (t *taker) stopLabs(ctx context.Context, in *instance.Instance) error {
	s := t.settings(in)
	resolve := t.set.CredentialsFor(t.ec2.Region(), s)
	if resolve == nil {
		return &fault.Error{Kind: fault.Credentials, Service: "cml", Message: fmt.Sprintf("quiesce = %q stops labs through CML's API, and there are no credentials for CML: "+
			"set user name and password, or a token, of an administrator in the provider's controller block, or a reference in controller.credentials. Nothing was done", quiesceStopLabs)}
	}
	credentials, err := resolve(ctx)
	if err != nil {
		return err
	}
	client := t.client(in, s, credentials)
	defer client.Close()
	stopped, err := client.StopLabs(ctx, wait.Pace{Interval: t.set.Interval()}, t.progress(ctx))
	if err != nil {
		return fmt.Errorf("the labs on worker %s did not stop, so no snapshot was taken; %d labs were asked to stop and are not started again: %w", t.id, len(stopped), err)
	}
	return nil
}

// ask reads what the snapshots are to be remembered by. What does not answer is
// left out.
func (t *taker) ask(ctx context.Context, in *instance.Instance) seen {
	var out seen
	if in.State == instance.StateRunning {
		s := t.settings(in)
		within(ctx, func(ctx context.Context) {
			client := t.client(in, s, controller.Credentials{})
			defer client.Close()
			if info, err := client.SystemInformation(ctx); err == nil {
				out.version = info.Version
			}
		})
		// Who does not even say its version is not asked for more.
		if resolve := t.set.CredentialsFor(t.ec2.Region(), s); out.version != "" && resolve != nil {
			within(ctx, func(ctx context.Context) {
				credentials, err := resolve(ctx)
				if err != nil {
					return
				}
				client := t.client(in, s, credentials)
				defer client.Close()
				if l, err := client.Licensing(ctx); err == nil {
					registered := l.Registered()
					out.registered = &registered
				}
			})
		}
	}
	if out.version == "" {
		if images, err := t.ec2.Images(ctx, in.ImageID); err == nil && images[in.ImageID] != nil {
			out.version = controller.ImageVersion(images[in.ImageID].Name, images[in.ImageID].Tags)
		}
	}
	return out
}

// within runs a question that has a limit of its own.
func within(ctx context.Context, question func(context.Context)) {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	question(ctx)
}
