package act

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// afterwards is how long a look at the worker may take once the context of an
// invocation has ended.
const afterwards = 15 * time.Second

// Failure is why an invocation failed. Zero members are filled in.
type Failure struct {
	// Summary is the first line, that of the Call when empty.
	Summary string
	// Attribute is the argument to blame.
	Attribute path.Path
	// Next is the next step.
	Next string
	Err  error
}

// Fail reports a failure: with the argument to blame where there is one, and,
// for an invocation that was cancelled or ran out of time, with the state in
// which the worker is left, since no Terraform state tells of that.
func (c *Call) Fail(ctx context.Context, f Failure) {
	about := tfdiag.About{ID: c.ID, Attribute: f.Attribute, Next: f.Next}
	if c.EC2 != nil {
		about.Region = c.EC2.Region()
	}
	err := f.Err
	if ctx.Err() != nil && c.EC2 != nil {
		err = c.left(ctx, err)
	}
	blamed := len(about.Attribute.Steps()) > 0
	switch {
	case instance.IsGone(f.Err):
		about.Attribute = atWorker
		if about.Next == "" {
			about.Next = "check `worker_id` and `region`; a terminated worker is not found."
		}
	case !blamed && c.explicitRegion && aboutRegion(f.Err):
		about.Attribute = atRegion
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		about.Attribute = atTimeout
		if about.Next == "" && !advised(err) {
			about.Next = "invoke the action again, with a longer `timeout` if it is only slow."
		}
	case ctx.Err() != nil && about.Next == "":
		about.Next = "invoke the action again to finish."
	}
	summary := f.Summary
	if summary == "" {
		summary = c.Summary
	}
	c.resp.Diagnostics.Append(tfdiag.Error(summary, about, err))
}

// aboutRegion reports whether a region is to blame.
func aboutRegion(err error) bool {
	var a interface{ ProviderArgument() string }
	return errors.As(err, &a) && a.ProviderArgument() == "region"
}

// advised reports whether an error knows the next step itself.
func advised(err error) bool {
	var a interface{ NextStep() string }
	return errors.As(err, &a) && a.NextStep() != ""
}

// leftError is an error with the state in which the worker was left.
type leftError struct {
	err  error
	text string
}

// Error implements error.
func (e *leftError) Error() string { return e.err.Error() + ". " + e.text }

// Unwrap returns the cause.
func (e *leftError) Unwrap() error { return e.err }

// Detail keeps the lines of a cause that has several.
func (e *leftError) Detail() string {
	var d interface{ Detail() string }
	if errors.As(e.err, &d) {
		return d.Detail() + "\n\n" + e.text
	}
	return e.Error()
}

// left adds to an error the state of the worker now.
func (c *Call) left(ctx context.Context, err error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	in, findErr := c.EC2.Find(ctx, c.ID, "")
	if findErr != nil {
		return &leftError{err, fmt.Sprintf("In which state worker %s is now could not be read (%s).", c.ID, findErr)}
	}
	return &leftError{err, fmt.Sprintf("Worker %s is %s now.", c.ID, in.State)}
}
