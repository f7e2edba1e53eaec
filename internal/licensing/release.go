package licensing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// The modes of a release.
const (
	// Skip does nothing.
	Skip = "skip"
	// BestEffort warns of what it could not give back.
	BestEffort = "best_effort"
	// Required fails, so that the worker is left as it is.
	Required = "required"
)

// Modes are the values of the arguments that choose one.
func Modes() []string { return []string{Skip, BestEffort, Required} }

// Policy is how a licence is given back.
type Policy struct {
	// Mode is one of Modes.
	Mode string
	// StartIfStopped starts a stopped worker for it.
	StartIfStopped bool
	// StopLabs stops the labs of all users, without which CML does not let its
	// licence go.
	StopLabs bool
}

// Release is one release.
type Release struct {
	Policy
	// Known is what was known last.
	Known Known
	// Stays: the worker outlives the release, so that one started for it is
	// stopped again.
	Stays bool
	// Ours: the registration was made by us, whatever its date.
	Ours bool
	// Done: the caller knows that it was given back a moment ago.
	Done bool
}

// Note is something to tell the user that is no error.
type Note struct {
	Kind NoteKind
	Text string
}

// NoteKind says what a note is about.
type NoteKind int

// The kinds of notes.
const (
	// NotReleased: the licence is, or may be, still counted.
	NotReleased NoteKind = iota
	// WasInherited: the registration came with the image and was left alone.
	WasInherited
)

// Outcome is what a release found and did.
type Outcome struct {
	// Free: CML is not registered, whether it was us who gave it back or not.
	Free bool
	// Released: it was given back now.
	Released bool
	// Holder names who is, or was, counted, as far as anybody knows.
	Holder string
	Notes  []Note
}

func (o *Outcome) note(kind NoteKind, format string, args ...any) {
	o.Notes = append(o.Notes, Note{kind, fmt.Sprintf(format, args...)})
}

// errStopped says that a stopped worker is not started for a release.
var errStopped = &Error{Kind: fault.WrongState, Argument: ArgumentStart, Text: "the worker is stopped, and `start_if_stopped` is false",
	Next: "start the worker, or set `start_if_stopped = true` and apply that first."}

// Release gives the licence of a worker back by the policy. in is nil for a
// worker that is gone. Under BestEffort what goes wrong is a note, unless the
// context has ended: then nobody may go on.
func (w *Worker) Release(ctx context.Context, in *instance.Instance, r Release) (Outcome, error) {
	var out Outcome
	if r.Mode == Skip {
		return out, nil
	}
	w.recall(in, &r)
	if in == nil || in.Gone() {
		if r.Known.Counted() && !r.Done {
			out.note(NotReleased, "The worker %s is gone, and its licence was not given back before: %s. Remove the product instance in Cisco's Smart Software Manager.", w.InstanceID, r.Known.Holder())
		}
		return out, nil
	}
	err := w.release(ctx, in, r, &out)
	if out.Free && r.Stays {
		w.forget(ctx, in)
	}
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, fmt.Errorf("the release of the licence was cut short, and nothing else was done: %w", err)
	case r.Mode == Required:
		return out, required(err)
	case r.quiet(err):
		return out, nil
	}
	out.note(NotReleased, "The licence of worker %s could not be given back: %s. It stays counted until the product instance is removed in Cisco's Smart Software Manager: %s.",
		w.InstanceID, strings.TrimRight(err.Error(), "."), r.Known.Holder())
	return out, nil
}

// Deregister gives the licence of a worker back because somebody asks for just
// that, by the steps of a release that is required: the worker stays, and what
// goes wrong is the error that it is.
func (w *Worker) Deregister(ctx context.Context, in *instance.Instance, r Release) (Outcome, error) {
	w.recall(in, &r)
	out := Outcome{Holder: r.Known.Holder()}
	r.Mode, r.Stays = Required, true
	err := w.release(ctx, in, r, &out)
	if out.Free {
		w.forget(ctx, in)
	}
	return out, err
}

// recall takes from the instance whose licence is counted, where nobody knows.
func (w *Worker) recall(in *instance.Instance, r *Release) {
	if in != nil && r.Known.UDI == "" {
		r.Known.UDI = in.Tags[w.Instances.ManagedTags().Key(tagUDI)]
	}
}

// required words the failure of a release that had to succeed.
func required(err error) error {
	next, argument := "", ""
	var own *Error
	if errors.As(err, &own) {
		next, argument = own.Next, own.Argument
	}
	if next == "" && fault.Is(err, fault.PermissionDenied) {
		next = "use an account of CML with administrator rights, or choose `best_effort` or `skip` for the release and apply that first."
	}
	if next == "" {
		next = "give the licence back in CML by hand and apply again, or choose `best_effort` or `skip` for the release and apply that first."
	}
	return &Error{Kind: fault.KindOf(err), Text: "the licence could not be given back, so the worker was left alone: " + err.Error(), Next: next, Argument: argument, Err: err}
}

// quiet reports whether a failure needs no words, since there was hardly
// anything to give back.
func (r Release) quiet(err error) bool {
	switch {
	case r.Done, r.Known.unregistered():
		return errors.Is(err, errNoCredentials) || errors.Is(err, errStopped) ||
			fault.Is(err, fault.Unreachable, fault.NotReady, fault.Timeout)
	case r.Known.Status == "", r.Known.Status == controller.LicenseUnknown:
		return errors.Is(err, errNoCredentials)
	}
	return false
}

func (w *Worker) release(ctx context.Context, in *instance.Instance, r Release, out *Outcome) error {
	if err := w.account(ctx, in); err != nil {
		return err
	}
	started := false
	switch in.State {
	case instance.StateRunning:
		started = w.startedBefore(in)
	default:
		// Of a machine that was free when it was looked at last, or a moment ago,
		// nothing is left to give back that would be worth a boot.
		if r.Done || r.Mode == BestEffort && r.Known.unregistered() {
			out.Free = true
			return nil
		}
		if in.State != instance.StatePending && !r.StartIfStopped {
			return errStopped
		}
		started = in.State != instance.StatePending
		var err error
		if in, err = w.boot(ctx, started); err != nil {
			if started && r.goesBack(ctx, err) {
				return errors.Join(err, w.stopAgain(ctx))
			}
			return err
		}
	}
	err := w.giveBack(ctx, in, r, out)
	if started && r.goesBack(ctx, err) {
		err = errors.Join(err, w.stopAgain(ctx))
	}
	return err
}

// goesBack reports whether a worker that was started for the release is
// stopped after it: one that stays, and one whose destroy ends here.
func (r Release) goesBack(ctx context.Context, err error) bool {
	return r.Stays || err != nil && (r.Mode == Required || ctx.Err() != nil)
}

// account fails where there is nobody to ask CML as, before anything is done.
func (w *Worker) account(ctx context.Context, in *instance.Instance) error {
	s, err := w.server(ctx, in)
	if err != nil {
		return err
	}
	s.client.Close()
	return nil
}

func (w *Worker) giveBack(ctx context.Context, in *instance.Instance, r Release, out *Outcome) error {
	s, err := w.server(ctx, in)
	if err != nil {
		return err
	}
	defer s.client.Close()
	l, err := s.settled(ctx)
	if err != nil {
		return err
	}
	known := KnownFrom(l).over(r.Known)
	out.Holder = known.Holder()
	switch {
	case l.Unregistered():
		out.Free = true
		return nil
	case l.ReservationMode:
		return &Error{Kind: fault.WrongState, Text: "CML is in reservation mode, whose licence only a person can return"}
	case !r.Ours && Inherited(l, in):
		out.note(WasInherited, "The registration of worker %s came with its image (%s): it belongs to the machine that the image was made of, and was not released.", w.InstanceID, known.Holder())
		return nil
	}
	s.say("giving the licence back")
	gone, err := s.deregister(ctx, r.StopLabs)
	if err != nil {
		if gone.lost && ctx.Err() != nil {
			out.note(NotReleased, "The release of the licence of worker %s was cut short after CML was asked for it, so that nobody knows how it ended. Apply again; where CML is not registered then, look the product instance up in Cisco's Smart Software Manager and remove it if it is still there: %s.", w.InstanceID, known.Holder())
		}
		return err
	}
	out.Free, out.Released = true, gone.asked
	if !gone.asked && Broken(l) && r.Known.Counted() {
		gone.unconfirmed = true // the registration before the one that failed
	}
	out.Notes = append(out.Notes, gone.notes(known)...)
	return nil
}
