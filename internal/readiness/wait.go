package readiness

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

const (
	// consoleLines is how much of the console a time-out shows.
	consoleLines = 30
	// afterwards is what reading it, and status checks that were not read yet,
	// may cost after the limit is over.
	afterwards = 5 * time.Second
)

// Wait climbs the ladder until Options.Until holds. EC2 and CML are asked side
// by side from the moment the instance runs. progress, if set, hears of each
// change.
//
// Errors: *TimeoutError when readiness.timeout or the deadline of the context
// is over; *FinalError when waiting is in vain (the instance left running,
// CML refuses the credentials, the certificate is not the pinned one or allows
// no secrets, the release is too old, no compute host has virtualisation, EC2
// does not let itself be asked); an error of kind Canceled when the context
// was. The Result holds what is known in each of these cases, too.
func Wait(ctx context.Context, t Target, o Options, progress func(string)) (Result, error) {
	s, warnings, err := o.settle(t)
	if err != nil {
		return Result{LicenseStatus: controller.LicenseUnknown}, err
	}
	l := newLadder(s, time.Now(), warnings, progress)
	l.port, l.pinned = t.port(), t.Settings.TLS.Fingerprint != ""
	l.verifies = t.Settings.TLS.Trust == controller.TrustVerify
	if o.Until == None {
		result := l.finish()
		result.Pending = false
		return result, nil
	}
	w := &waiting{ladder: l, target: t, sights: make(chan sight), checkups: make(chan checkup), answers: make(chan answer), addresses: make(chan string, 1)}
	err = w.run(ctx)
	if fe := (*FinalError)(nil); errors.As(err, &fe) && fe.InstanceID == "" {
		fe.InstanceID = t.InstanceID
	}
	result := l.finish()
	result.Pending = err != nil
	return result, err
}

func (t Target) port() int {
	if t.Settings.Port == 0 {
		return controller.DefaultPort
	}
	return t.Settings.Port
}

// waiting is a wait under way: watchers ask, each at its own pace so that none
// waits for another's answer; the ladder alone decides.
type waiting struct {
	*ladder
	target    Target
	sights    chan sight
	checkups  chan checkup
	answers   chan answer
	addresses chan string // what to dial; holds the newest only
	// resolved are the credentials in use, for redaction.
	resolved atomic.Pointer[controller.Credentials]
	// open is the question to CML that is not answered yet.
	open atomic.Pointer[question]
}

func (w *waiting) run(ctx context.Context) error {
	inner, stop := context.WithCancel(ctx)
	var watchers sync.WaitGroup
	// The watchers end before the wait returns, so that no request outlives it.
	halt := func() {
		stop()
		watchers.Wait()
	}
	defer halt()
	watchers.Go(func() { w.watchMachine(inner) })
	if w.Until > StatusOK {
		watchers.Go(func() { w.watchService(inner) })
	}
	limit := time.NewTimer(w.Timeout)
	limit.Stop() // until the clock starts
	defer limit.Stop()
	var limited, checking bool
	for {
		var (
			err error
			now time.Time
			of  Rung // the highest rung that this look can show
		)
		select {
		case <-ctx.Done():
			return w.ended(ctx, halt)
		case <-limit.C:
			return w.timedOut(ctx, halt, LimitReadiness, context.DeadlineExceeded)
		case s := <-w.sights:
			now, of = s.at, Running
			if err = w.see(s); err == nil {
				w.direct(now)
			}
			if w.machine >= Running && w.Until >= StatusOK && !checking {
				checking = true
				watchers.Go(func() { w.watchChecks(inner) })
			}
		case c := <-w.checkups:
			now, of = c.at, StatusOK
			err = w.check(c)
		case a := <-w.answers:
			now, of = a.at, Licensed
			err = w.hear(a)
		}
		if err != nil {
			return err
		}
		if w.mute(now) {
			return w.timedOut(ctx, halt, LimitSilence, context.DeadlineExceeded)
		}
		// That EC2 answers is no sign that CML still does.
		if w.Until <= of && w.done(now) {
			return nil
		}
		if !limited && !w.clock.IsZero() {
			limited = true
			limit.Reset(time.Until(w.clock.Add(w.Timeout)))
		}
	}
}

// direct tells the watcher of CML where the machine is to be found now.
func (w *waiting) direct(now time.Time) {
	if w.machine < Running || w.Until <= StatusOK {
		return
	}
	kind, address := w.target.Settings.PickExpecting(Addresses(w.result.Instance), w.target.Expect...)
	if address == "" {
		text := "the instance has none of the addresses of controller.address_preference yet"
		if kind != "" {
			text = "the instance has no " + kind + " yet"
		}
		w.service = None
		w.result.Address = ""
		w.meet(obstacle{rung: HTTPS, text: text, class: text})
		w.climb(now)
	}
	select {
	case <-w.addresses:
	default:
	}
	w.addresses <- address
}

// ended is for a context that is over.
func (w *waiting) ended(ctx context.Context, halt func()) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return w.timedOut(ctx, halt, LimitOperation, context.Cause(ctx))
	}
	halt()
	return &wait.TimeoutError{
		What:      "worker " + w.target.InstanceID + " to reach " + strconv.Quote(w.Until.String()),
		LastState: w.held.String(),
		LastErr:   w.result.Last,
		Waited:    time.Since(w.start),
		Err:       context.Canceled,
	}
}

// timedOut puts together what a person needs to find out why.
func (w *waiting) timedOut(ctx context.Context, halt func(), limit Limit, cause error) error {
	halt()
	now := time.Now()
	w.unanswered(now)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	if w.result.Status.System == "" && w.machine >= Running {
		if status, err := w.target.Instances.StatusChecks(ctx, w.target.InstanceID); err == nil {
			w.result.Status = status
		}
	}
	failed := w.failed()
	result := w.finish()
	e := &TimeoutError{
		InstanceID: w.target.InstanceID,
		Limit:      limit,
		Timeout:    w.Timeout,
		Waited:     now.Sub(w.start),
		ClockFrom:  w.clockFrom,
		Wanted:     w.Until,
		Failed:     failed,
		Since:      now.Sub(w.heldFrom),
		Passed:     result.Passed,
		LastWords:  w.obstacle.text,
		Last:       result.Last,
		Status:     result.Status,
		Hint:       w.hint(failed),
		Err:        cause,
	}
	if result.Address != "" {
		e.Address = net.JoinHostPort(result.Address, strconv.Itoa(w.port))
	}
	if e.LastWords == "" && w.machErr != nil {
		e.LastWords, e.Last = w.machErr.Error(), w.machErr
	}
	if w.ConsoleOutput {
		e.ConsoleTail = w.console(ctx)
	}
	return e
}

// unanswered counts a question that was still open at the end as silence,
// where it was the only one.
func (w *waiting) unanswered(now time.Time) {
	q := w.open.Load()
	if q == nil || w.tally.tries > 0 {
		return
	}
	w.tally = tally{tries: 1, silent: 1}
	w.result.Asked, w.result.Address = true, q.address
	text := fmt.Sprintf("%s did not answer within %s", net.JoinHostPort(q.address, strconv.Itoa(w.port)), round(now.Sub(q.began)))
	w.meet(obstacle{rung: HTTPS, text: text, class: text})
}

// console reads the end of the console output. Its failure is no news beside a time-out.
func (w *waiting) console(ctx context.Context) string {
	text, err := w.target.Instances.ConsoleOutput(ctx, w.target.InstanceID)
	if err != nil {
		return "(not readable: " + err.Error() + ")"
	}
	credentials := w.resolved.Load()
	if credentials == nil {
		resolved, err := w.target.credentials(ctx)
		if err != nil {
			return "(left out, since the secrets that it may show could not be read: " + err.Error() + ")"
		}
		credentials = &resolved
	}
	return tail(controller.Redact(text, append(credentials.Secrets(), w.target.Secrets...)...), consoleLines)
}

// tail returns the last lines that are not blank.
func tail(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \t\r\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
