// Package tfdiag turns errors into diagnostics: one place, so that each says
// what happened, to which worker, in which region and state, with which AWS
// code and request id, what permission is missing and what to do next.
package tfdiag

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// About says what an operation was about. Zero fields are left out.
type About struct {
	// ID is the instance id of the worker.
	ID string
	// Region is the AWS region; the error's own is taken when it is empty.
	Region string
	// LastState is the last EC2 state read; that of a wait in the error wins,
	// since it is newer.
	LastState string
	// Attribute points the diagnostic at an argument. When it is the zero Path,
	// a bad reference finds its argument by the AWS code.
	Attribute path.Path
	// Next replaces the next step that the kind of the error has.
	Next string
}

// Named returns what is told of a failure to look up the worker that the
// argument worker_id names. A worker that is not there is the argument's fault
// while nothing of the resource exists; one that is gone later is not.
func (a About) Named(err error) About {
	if fault.Is(err, fault.NotFound) {
		a.Attribute = path.Root("worker_id")
		a.Next = "check `worker_id` and `region`: an instance id belongs to one region, and a terminated worker does not come back."
	}
	return a
}

// What an error of a domain package may implement to be told better.
type (
	// detailer has a text of several lines instead of Error().
	detailer interface{ Detail() string }
	// adviser knows the next step.
	adviser interface{ NextStep() string }
	// providerArgument was caused by an argument of the provider block, which
	// the text names: a diagnostic of a resource cannot point there.
	providerArgument interface{ ProviderArgument() string }
)

// Error returns the diagnostic of an error. summary is static and unique, as
// in "Unable to stop CML worker"; everything that varies goes into the detail.
// Besides *fault.Error it knows errors with the methods Detail() string and
// NextStep() string, which replace the text and the next step.
func Error(summary string, about About, err error) diag.Diagnostic {
	f := fault.As(err)
	var b strings.Builder
	b.WriteString(strings.TrimRight(words(err, f), "\n"))
	b.WriteString("\n")
	facts(&b, about, err, f)
	if next := nextStep(about, err, f); next != "" {
		b.WriteString("\nNext step: " + next)
	}
	detail := strings.TrimRight(b.String(), "\n")
	at := about.Attribute
	if len(at.Steps()) == 0 && f != nil {
		if root, ok := referenceAttribute(f); ok {
			at = path.Root(root)
		}
	}
	if len(at.Steps()) == 0 {
		return diag.NewErrorDiagnostic(summary, detail)
	}
	return diag.NewAttributeErrorDiagnostic(at, summary, detail)
}

// words says what happened.
func words(err error, f *fault.Error) string {
	var d detailer
	if errors.As(err, &d) {
		return d.Detail()
	}
	// A classified error that nobody wrapped: its code goes below, and its
	// text needs no "RunInstances in us-east-1: Code:" before it.
	if f != nil && f.Message != "" && err.Error() == f.Error() {
		if f.Operation == "" {
			return sentence(f.Message)
		}
		return sentence(fmt.Sprintf("%s failed: %s", call(f), f.Message))
	}
	return sentence(err.Error())
}

// serviceNames are those of services that are not called by their initials, as
// their documentation writes them.
var serviceNames = map[string]string{
	"cml": "CML", "cloudwatch": "CloudWatch", "pricing": "Price List", "scheduler": "EventBridge Scheduler",
	"secrets manager": "Secrets Manager", "service quotas": "Service Quotas",
}

// call names a request as its service documents it.
func call(f *fault.Error) string {
	if f.Service == "" {
		return f.Operation
	}
	if name, ok := serviceNames[f.Service]; ok {
		return name + " " + f.Operation
	}
	return strings.ToUpper(f.Service) + " " + f.Operation
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsRune(".!?:", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}

// Reason says why something could not be read, and which permission would help:
// for the text of a warning.
func Reason(err error) string {
	text := sentence(err.Error())
	if f := fault.As(err); f != nil && f.MissingAction != "" && !strings.Contains(text, f.MissingAction) {
		text += " It needs the permission " + f.MissingAction + "."
	}
	return text
}

// facts writes what identifies the failure, one line each.
func facts(b *strings.Builder, about About, err error, f *fault.Error) {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "\n%s: %s", name, value)
		}
	}
	region, state := about.Region, about.LastState
	if region == "" && f != nil {
		region = f.Region
	}
	// A wait has read the state after its caller did.
	var timeout *wait.TimeoutError
	var wrong *wait.StateError
	switch {
	case errors.As(err, &timeout) && timeout.LastState != "":
		state = timeout.LastState
	case errors.As(err, &wrong):
		state = wrong.State
	}
	before := b.Len()
	line("Worker", about.ID)
	line("Region", region)
	line("Last state", state)
	if f != nil {
		line(answerName(f), answer(f))
		line("Request ID", f.RequestID)
		line("Missing permission", f.MissingAction)
	}
	var p providerArgument
	if errors.As(err, &p) {
		line("Provider argument", p.ProviderArgument())
	}
	if b.Len() > before {
		b.WriteString("\n")
	}
}

func answerName(f *fault.Error) string {
	if f.Service == "cml" {
		return "CML error"
	}
	return "AWS error"
}

func answer(f *fault.Error) string {
	switch {
	case f.Code != "" && f.StatusCode != 0 && f.Code != fmt.Sprintf("HTTP %d", f.StatusCode):
		return fmt.Sprintf("%s (HTTP %d)", f.Code, f.StatusCode)
	case f.Code != "":
		return f.Code
	case f.StatusCode != 0:
		return fmt.Sprintf("HTTP %d", f.StatusCode)
	}
	return ""
}
