package readiness

import (
	"fmt"
	"slices"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// ladder is the state of a wait: it takes what was seen and decides. It does
// no I/O and reads no clock.
type ladder struct {
	settled
	start    time.Time
	progress func(string)
	result   Result

	machine Rung // what EC2's answers amount to
	service Rung // what CML's answers amount to

	held     Rung      // the higher of the two
	heldFrom time.Time // when held last changed
	steps    map[Rung]time.Time
	reached  time.Time // since when Until holds without a miss; zero: it does not

	clock     time.Time // when readiness.timeout began; zero: not yet
	clockFrom string

	checked   time.Time // when the status checks were first ok
	unchecked bool      // they cannot be read
	silent    time.Time // since when attempts to connect get no answer; zero: the last one got one

	obstacle obstacle // what kept the next rung from being reached last
	tally    tally
	machErr  error // the last tolerated error of EC2
	noted    string
	port     int  // of CML, for texts
	pinned   bool // a certificate is pinned
	verifies bool // only a chain that verifies will do, so none gets pinned
}

// obstacle is why a rung is not reached, in words.
type obstacle struct {
	// rung is the one that it keeps from being reached.
	rung Rung
	text string
	// class is the same for answers that differ only in detail.
	class string
	err   error
}

// tally counts how CML's answers failed, for a hint that fits all of them.
type tally struct {
	tries, silent, refused, answered int
}

func newLadder(s settled, start time.Time, warnings []string, progress func(string)) *ladder {
	if progress == nil {
		progress = func(string) {}
	}
	return &ladder{
		settled: s, start: start, progress: progress, heldFrom: start, steps: map[Rung]time.Time{},
		result: Result{LicenseStatus: controller.LicenseUnknown, Warnings: warnings},
	}
}

// sight is one look at the machine.
type sight struct {
	at       time.Time
	instance *instance.Instance
	err      error
}

// checkup is one look at its status checks.
type checkup struct {
	at     time.Time
	status instance.Status
	err    error
}

// see takes a look at the machine. An error ends the wait.
func (l *ladder) see(s sight) error {
	if s.err != nil {
		return l.seeError(s.err)
	}
	l.machErr = nil
	switch s.instance.State {
	case instance.StateRunning:
		l.machine = max(l.machine, Running)
	case instance.StatePending:
		if l.machine >= Running {
			// A read that lags behind an earlier one.
			return nil
		}
		l.meet(obstacle{rung: Running, text: "the instance is pending", class: "pending"})
	default:
		l.result.Instance = s.instance
		return l.left(s.instance, nil)
	}
	l.result.Instance = s.instance
	l.climb(s.at)
	return nil
}

func (l *ladder) seeError(err error) error {
	var gone *instance.GoneError
	if asError(err, &gone) && gone.Instance != nil {
		l.result.Instance = gone.Instance
		return l.left(gone.Instance, err)
	}
	switch kind := fault.KindOf(err); kind {
	case fault.NotFound:
		return l.final(fault.WrongState, err, "%s", err)
	case fault.NotVisible, fault.Credentials, fault.PermissionDenied, fault.Account, fault.BadReference, fault.Invalid, fault.Bug:
		return l.final(kind, err, "EC2 cannot be asked about it: %s", err)
	}
	l.machErr = err
	return nil
}

// left is for an instance that cannot become ready any more.
func (l *ladder) left(i *instance.Instance, err error) error {
	text := fmt.Sprintf("its instance is %s instead of running", i.State)
	if why := i.Why(); why != "" {
		text += " (" + why + ")"
	}
	if i.StateTransitionReason != "" && i.StateTransitionReason != i.Why() {
		text += "; " + i.StateTransitionReason
	}
	if !i.Gone() {
		return l.final(fault.WrongState, err, "%s", text)
	}
	return &FinalError{
		Kind: fault.WrongState, Rung: l.held, InstanceID: i.ID, Message: text, Err: err,
		Next: "an instance that has ended does not come back: do away with the reason that EC2 gives, and run Terraform again for a new one.",
	}
}

// check takes a look at the status checks. An error ends the wait.
func (l *ladder) check(c checkup) error {
	if c.err != nil {
		return l.checkError(c.err)
	}
	l.result.Status = c.status
	l.machine = Running
	if c.status.OK() {
		l.machine = StatusOK
		if l.checked.IsZero() {
			l.checked = c.at
		}
		l.startClock(c.at, "both EC2 status checks were ok")
	} else if l.Until == StatusOK {
		text := checksText(c.status)
		l.meet(obstacle{rung: StatusOK, text: text, class: text})
	}
	l.climb(c.at)
	return nil
}

func (l *ladder) checkError(err error) error {
	switch kind := fault.KindOf(err); kind {
	case fault.PermissionDenied, fault.Credentials, fault.Account, fault.Invalid, fault.Bug:
		if l.Until == StatusOK {
			return l.final(kind, err, "its EC2 status checks cannot be read: %s", err)
		}
		l.unchecked = true
		l.warn(fmt.Sprintf("The EC2 status checks of %s cannot be read, so only an answer of CML starts the clock of readiness.timeout: %s",
			l.result.Instance.ID, err))
	default:
		l.machErr = err
	}
	return nil
}

// answer is one round of questions to CML.
type answer struct {
	at      time.Time
	address string
	// fingerprint is that of the certificate seen, "" for none.
	fingerprint string
	info        *controller.SystemInformation
	err         error // of the question without a secret
	// health and licensing are set when they were asked and answered,
	// accountErr when a question with a secret failed.
	health     *controller.SystemHealth
	licensing  *controller.Licensing
	accountErr error
	// credentialsErr is why there are no credentials to ask with.
	credentialsErr error
	// rejected counts the logins that CML refused.
	rejected int
}

// hear takes an answer of CML. An error ends the wait.
func (l *ladder) hear(a answer) error {
	l.result.Asked = true
	l.result.Address = a.address
	l.result.Info, l.result.Health = a.info, a.health
	if a.fingerprint != "" {
		l.result.Fingerprint = a.fingerprint
	}
	l.count(a)
	if a.err == nil || controller.Answered(a.err) {
		l.startClock(a.at, "the first HTTP answer came")
	}
	if err := l.useless(a); err != nil {
		return err
	}
	rung, against := l.judge(a)
	against.rung = max(rung+1, HTTPS)
	l.service = rung
	l.meet(against)
	l.climb(a.at)
	return l.uselessAccount(a)
}

func (l *ladder) count(a answer) {
	l.tally.tries++
	switch controller.Reason(a.err) {
	case controller.ReasonTimeout, controller.ReasonNoRoute:
		l.tally.silent++
		if l.silent.IsZero() {
			l.silent = a.at
		}
		return
	case controller.ReasonRefused:
		l.tally.refused++
	default:
		l.tally.answered++
	}
	l.silent = time.Time{}
}

// mute reports whether the machine has left every attempt to connect without
// an answer for as long as Silence allows.
func (l *ladder) mute(now time.Time) bool {
	switch {
	case l.Silence <= 0 || l.silent.IsZero():
		return false
	case l.unchecked, l.result.Status.System == instance.CheckImpaired, l.result.Status.Instance == instance.CheckImpaired:
		return now.Sub(l.silent) >= l.Timeout
	case l.checked.IsZero():
		return false
	}
	from := l.silent
	if l.checked.After(from) {
		from = l.checked
	}
	return now.Sub(from) >= l.Silence
}

// meet keeps what is in the way and tells it when it is something new.
func (l *ladder) meet(against obstacle) {
	l.obstacle = against
	l.result.Last = against.err
	if against.err == nil && against.text != "" {
		l.result.Last = fault.New(fault.NotReady, "%s", against.text)
	}
}

// climb brings held in line with what was seen last.
func (l *ladder) climb(now time.Time) {
	held := None
	if l.machine >= Running {
		held = max(l.machine, l.service)
	}
	held = min(held, max(l.Until, Running))
	switch {
	case held > l.held:
		for rung := l.held + 1; rung <= held; rung++ {
			l.steps[rung] = now
		}
		l.say(now, held.String())
	case held < l.held:
		for rung := held + 1; rung <= l.held; rung++ {
			delete(l.steps, rung)
		}
		l.say(now, fmt.Sprintf("lost %s, back at %s", l.held, held))
	}
	if held != l.held {
		l.held, l.heldFrom = held, now
	}
	switch {
	case l.held < l.Until:
		l.reached = time.Time{}
	case l.reached.IsZero():
		l.reached = now
	}
	l.tellObstacle(now)
}

func (l *ladder) tellObstacle(now time.Time) {
	if l.held >= l.Until || l.obstacle.class == l.noted {
		return
	}
	l.noted = l.obstacle.class
	if l.obstacle.text != "" {
		l.say(now, fmt.Sprintf("waiting for %s: %s", l.obstacle.rung, l.obstacle.text))
	}
}

func (l *ladder) say(now time.Time, text string) {
	line := fmt.Sprintf("%s after %s", text, round(now.Sub(l.start)))
	l.result.Log = append(l.result.Log, line)
	l.progress(line)
}

func (l *ladder) warn(text string) {
	if !slices.Contains(l.result.Warnings, text) {
		l.result.Warnings = append(l.result.Warnings, text)
	}
}

func (l *ladder) startClock(now time.Time, from string) {
	if l.clock.IsZero() {
		l.clock, l.clockFrom = now, from
	}
}

// done reports whether Until has held for long enough at the time of the last answer.
func (l *ladder) done(now time.Time) bool {
	return !l.reached.IsZero() && now.Sub(l.reached) >= l.StableFor
}

func (l *ladder) final(kind fault.Kind, err error, format string, args ...any) error {
	e := &FinalError{Kind: kind, Rung: l.held, Message: fmt.Sprintf(format, args...), Err: err}
	if l.result.Instance != nil {
		e.InstanceID = l.result.Instance.ID
	}
	return e
}

// finish completes the result.
func (l *ladder) finish() Result {
	l.result.Reached = l.held
	l.result.Passed = nil
	for rung := Running; rung <= l.held; rung++ {
		at := l.steps[rung]
		l.result.Passed = append(l.result.Passed, Step{Rung: rung, At: at, After: at.Sub(l.start)})
	}
	l.result.Pending = l.reached.IsZero() || l.result.Pending
	return l.result
}
