package readiness

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

func asError[T error](err error, into *T) bool { return errors.As(err, into) }

// words is an error of CML as the last answer of a sentence.
func words(err error) string {
	if err == nil {
		return ""
	}
	e := fault.As(err)
	if e == nil {
		return err.Error()
	}
	switch {
	case e.Code == "":
		return e.Message
	case e.Message == "":
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// class is the same for errors that mean the same.
func class(err error) string {
	if err == nil {
		return ""
	}
	status := 0
	if e := fault.As(err); e != nil {
		status = e.StatusCode
	}
	return fmt.Sprintf("%s/%s/%d", fault.KindOf(err), controller.Reason(err), status)
}

func join(parts []string) string { return strings.Join(parts, "; ") }

// round shortens a duration to what a reader wants to know.
func round(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func checksText(s instance.Status) string {
	if s.System == "" && s.Instance == "" {
		return "EC2 shows no status checks yet"
	}
	text := fmt.Sprintf("EC2 status checks: system %s, instance %s", or(s.System, "not shown"), or(s.Instance, "not shown"))
	if s.AttachedEBS != "" {
		text += ", attached EBS volumes " + s.AttachedEBS
	}
	return text
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// eventTexts are the scheduled events that are still to come.
func eventTexts(s instance.Status) []string {
	var out []string
	for _, e := range s.Events {
		if e.Over() {
			continue
		}
		text := e.Code
		if !e.NotBefore.IsZero() {
			text += " from " + e.NotBefore.UTC().Format(time.RFC3339)
		}
		if e.Description != "" {
			text += ": " + e.Description
		}
		out = append(out, text)
	}
	return out
}

func stepsText(steps []Step) string {
	if len(steps) == 0 {
		return "none"
	}
	parts := make([]string, 0, len(steps))
	for _, step := range steps {
		parts = append(parts, fmt.Sprintf("%s after %s", step.Rung, round(step.After)))
	}
	return strings.Join(parts, ", ")
}

// Error implements error: one message over several lines, the next step among
// them.
func (e *TimeoutError) Error() string {
	if e.Hint == "" {
		return e.Detail()
	}
	return e.Detail() + "\nNext step: " + e.Hint
}

// NextStep is the last line of Error, "" for none. It answers package tfdiag,
// which would otherwise add the one that fits any time-out.
func (e *TimeoutError) NextStep() string { return e.Hint }

// Detail is Error without the next step.
func (e *TimeoutError) Detail() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, "\n"+format, args...) }
	fmt.Fprintf(&b, "worker %s did not reach %q in time: ", e.InstanceID, e.Wanted)
	switch e.Limit {
	case LimitReadiness:
		fmt.Fprintf(&b, "readiness.timeout of %s is over, counted from when %s (%s in all).", e.Timeout, e.ClockFrom, round(e.Waited))
	case LimitSilence:
		fmt.Fprintf(&b, "it does not answer any attempt to connect (%s in all).", round(e.Waited))
	case LimitOperation:
		fmt.Fprintf(&b, "the operation's own limit (`timeouts`, in an action `timeout`) ended the wait after %s", round(e.Waited))
		if e.ClockFrom == "" {
			b.WriteString("; readiness.timeout had not begun, since neither the EC2 status checks were ok nor CML had answered.")
		} else {
			fmt.Fprintf(&b, ", before readiness.timeout of %s was over.", e.Timeout)
		}
	}
	line("Rungs passed: %s.", stepsText(e.Passed))
	if e.Failed == e.Wanted && len(e.Passed) > 0 && e.Passed[len(e.Passed)-1].Rung == e.Wanted {
		line("%s holds since %s, which is less than readiness.stable_for.", e.Wanted, round(e.Since))
	} else {
		line("Failed rung: %s, waited for since %s.", e.Failed, round(e.Since))
	}
	if e.LastWords != "" {
		line("Last answer: %s.", strings.TrimSuffix(e.LastWords, "."))
	}
	line("%s.", checksText(e.Status))
	if events := eventTexts(e.Status); len(events) > 0 {
		line("Scheduled events: %s.", join(events))
	}
	if e.ConsoleTail != "" {
		line("End of the console output:\n%s", e.ConsoleTail)
	}
	return b.String()
}

// licenseStatus is the best that can be said from the answers at hand.
func licenseStatus(h *controller.SystemHealth, l *controller.Licensing) string {
	switch {
	case l != nil:
		return controller.LicenseStatus(*l)
	case h == nil || h.IsLicensed == nil:
		return controller.LicenseUnknown
	case *h.IsLicensed:
		return controller.LicenseRegistered
	}
	return controller.LicenseUnregistered
}

func licensed(h *controller.SystemHealth, l *controller.Licensing) bool {
	return h.IsLicensed != nil && *h.IsLicensed || l != nil && l.Valid()
}

// licenseText says why an answer is not enough for Licensed.
func licenseText(a answer) string {
	if l := a.licensing; l != nil {
		return fmt.Sprintf("registration %s, authorization %s",
			or(l.Registration.Status, "not shown"), or(l.Authorization.Status, "not shown"))
	}
	text := "is_licensed is false"
	if a.health.IsLicensed == nil {
		text = "is_licensed is null (not known, or not shown to this account: use an admin account)"
	}
	if a.accountErr != nil {
		text += "; licensing: " + words(a.accountErr)
		if fault.Is(a.accountErr, fault.PermissionDenied) {
			text += " (use an admin account)"
		}
	}
	return text
}
