package automation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// keeper brings the two alarms of a worker to a policy.
type keeper struct {
	cw   *monitoring.Client
	pace wait.Pace
	want policy
	// tags are those of an alarm that is made.
	tags map[string]string
	// acted is whether anything was changed, or may have been.
	acted bool
}

// find returns the alarms of the worker, nil for one that does not exist.
func (k *keeper) find(ctx context.Context) (stop, warn *monitoring.Alarm, err error) {
	found, err := k.cw.Alarms(ctx, stopAlarmName(k.want.worker), warningAlarmName(k.want.worker))
	return found[stopAlarmName(k.want.worker)], found[warningAlarmName(k.want.worker)], err
}

// settling is how long the alarms may take to show as they were put.
const settling = 20 * time.Second

// settled returns the alarms once they show as wanted, so that the next plan does
// not take a change that is on its way for somebody else's. What they are like
// when that takes too long is for the next refresh to tell.
func (k *keeper) settled(ctx context.Context) (stop, warn *monitoring.Alarm, err error) {
	limited, cancel := context.WithTimeout(ctx, settling)
	defer cancel()
	err = wait.Poll(limited, k.pace, func(context.Context) (bool, error) {
		var err error
		stop, warn, err = k.find(ctx)
		return shows(stop, k.want.stop()) && shows(warn, k.want.warn()), err
	})
	if ctx.Err() == nil && limited.Err() != nil && errors.Is(err, context.Cause(limited)) {
		err = nil
	}
	return stop, warn, err
}

// shows reports whether an alarm is there as it should be, or is not where none
// should be.
func shows(has, want *monitoring.Alarm) bool {
	if has == nil || want == nil {
		return has == want
	}
	return len(deviations(has, want)) == 0
}

// sync goes from what was found to what is wanted. What is right already is not
// touched. The alarm that stops comes last, so that no failure leaves a stop
// that nobody was to be warned of.
func (k *keeper) sync(ctx context.Context, stop, warn *monitoring.Alarm) error {
	wanted := k.want.warn()
	switch {
	case wanted == nil && warn != nil:
		if err := k.remove(ctx, warn.Name); err != nil {
			return err
		}
	case wanted != nil && (warn == nil || len(deviations(warn, wanted)) > 0):
		// It only tells, so that one that goes off at once does no harm.
		if err := k.put(ctx, wanted); err != nil {
			return err
		}
	}
	switch {
	case stop == nil:
		return k.arm(ctx, k.want.stop())
	case len(deviations(stop, k.want.stop())) == 0:
		return nil
	case k.want.keepsWatching(stop):
		return k.put(ctx, k.want.stop())
	}
	// An update would leave the alarm's state alone, be evaluated over data that
	// is there already, and begin no new warm-up.
	if err := k.remove(ctx, stop.Name); err != nil {
		return err
	}
	return k.arm(ctx, k.want.stop())
}

// arm makes the alarm that stops the worker, in steps of which each leaves
// nothing that would stop a worker that is idle now, wherever this ends:
//
//  1. The alarm is made with its actions off, and with a warm-up that is as long
//     as the worker may be idle.
//  2. It is read back. A server that does not know warm-ups leaves that out of
//     its answer. There the alarm is set to ALARM, whose action is off: if the
//     worker is idle it stays so, and actions are carried out on a change of
//     state only; if not, it becomes OK (CloudWatch user guide, "Alarm actions").
//  3. Its actions are switched on.
func (k *keeper) arm(ctx context.Context, a *monitoring.Alarm) error {
	off := *a
	off.ActionsEnabled, off.Description = false, unfinishedDescription(k.want.worker)
	if err := k.put(ctx, &off); err != nil {
		return err
	}
	made, err := k.await(ctx, a.Name, true)
	if err != nil {
		return err
	}
	if made.WarmUp == 0 {
		if err := k.cw.SetAlarmState(ctx, a.Name, monitoring.StateAlarm, "Holds the first stop back"); err != nil {
			return fmt.Errorf("this CloudWatch has no warm-up of alarms, and %s could not be held back in another way; its actions stay off: %w", a.Name, err)
		}
	}
	return k.put(ctx, a)
}

// put writes an alarm. An answer that was lost is made up for by looking.
func (k *keeper) put(ctx context.Context, a *monitoring.Alarm) error {
	k.acted = true
	err := k.cw.PutAlarm(ctx, a, k.tags)
	if !fault.MayHaveTakenEffect(err) {
		return err
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), instance.CleanUp)
	defer cancel()
	found, failed := k.cw.Alarms(look, a.Name)
	if failed != nil || found[a.Name] == nil || len(deviations(found[a.Name], a)) > 0 {
		return err
	}
	return nil
}

// remove deletes an alarm and waits until it is gone, so that one of its name is
// made anew, and not updated.
func (k *keeper) remove(ctx context.Context, name string) error {
	k.acted = true
	if err := k.cw.DeleteAlarm(ctx, name); err != nil {
		return err
	}
	_, err := k.await(ctx, name, false)
	return err
}

// await looks until an alarm is there, or is not.
func (k *keeper) await(ctx context.Context, name string, there bool) (*monitoring.Alarm, error) {
	var seen *monitoring.Alarm
	err := wait.Poll(ctx, k.pace, func(ctx context.Context) (bool, error) {
		found, err := k.cw.Alarms(ctx, name)
		seen = found[name]
		return (seen != nil) == there, err
	})
	if err != nil && there {
		err = fmt.Errorf("the alarm %s was made and does not show: %w", name, err)
	} else if err != nil {
		err = fmt.Errorf("the alarm %s was deleted and still shows: %w", name, err)
	}
	return seen, err
}

// left reports whether an attempt that failed has left alarms behind, or may
// have.
func (k *keeper) left(ctx context.Context) bool {
	if !k.acted {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), instance.CleanUp)
	defer cancel()
	stop, warn, err := k.find(ctx)
	return err != nil || stop != nil || warn != nil
}
