// Package scheduling is EventBridge Scheduler, in plain Go types: the schedules
// that start and stop a worker. It knows nothing of Terraform and is the only
// importer of the service's client.
package scheduling

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

const (
	// propagation is how long a new role, or a new trust policy of one, may take
	// until the service can assume it.
	propagation = 2 * time.Minute
	// contention is how long somebody else's change of the same schedule is
	// waited for.
	contention = 30 * time.Second
	// cleanUp is the budget of what is still asked after the user canceled.
	cleanUp = 15 * time.Second
)

// Client is the EventBridge Scheduler of one region and account. It is safe for
// concurrent use.
type Client struct {
	api    *scheduler.Client
	region string
	pace   wait.Pace
}

// NewFromConfig returns a client. endpoint replaces that of the service when it
// is not empty; interval is the settled pace of waits, 0 the usual one. It makes
// no request.
func NewFromConfig(cfg aws.Config, endpoint string, interval time.Duration) *Client {
	return &Client{region: cfg.Region, pace: wait.Pace{Interval: interval}, api: scheduler.NewFromConfig(cfg, func(o *scheduler.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})}
}

// Region is the region of this client.
func (c *Client) Region() string { return c.region }

// fail classifies an error of the API.
func (c *Client) fail(err error) error { return fault.FromAWS(err, c.region) }

// Get reads a schedule. Its absence, or that of its group, is an error of kind
// NotFound.
func (c *Client) Get(ctx context.Context, group, name string) (*Schedule, error) {
	out, err := c.api.GetSchedule(ctx, &scheduler.GetScheduleInput{GroupName: aws.String(group), Name: aws.String(name)})
	if err != nil {
		return nil, c.fail(err)
	}
	return fromOutput(out, group, name), nil
}

// TakenError says that a schedule of the name exists and is another one.
type TakenError struct {
	// Found is what exists.
	Found *Schedule
}

// Error implements error.
func (e *TakenError) Error() string {
	return fmt.Sprintf("the schedule %s/%s exists already", e.Found.Group, e.Found.Name)
}

// FaultKind is WrongState.
func (e *TakenError) FaultKind() fault.Kind { return fault.WrongState }

// Create makes a schedule and returns its ARN. A role that cannot be assumed yet
// is tried again for a while. When the answer is lost the schedule is looked for;
// mayExist says that it was not found, or could not be read: a request that is
// still on its way may make it later. *TakenError is a schedule of this name that
// says something else.
func (c *Client) Create(ctx context.Context, s Schedule) (arn string, mayExist bool, err error) {
	in := s.input()
	// One token for all tries, so that the service knows a repeated one.
	in.ClientToken = aws.String(rand.Text())
	err = c.assuming(ctx, func(ctx context.Context) error {
		out, err := c.api.CreateSchedule(ctx, in)
		if err == nil {
			arn = aws.ToString(out.ScheduleArn)
		}
		return c.fail(err)
	})
	lost := fault.MayHaveTakenEffect(err)
	if f := fault.As(err); !lost && (f == nil || f.Code != codeConflict) {
		return arn, false, err
	}
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	found, failed := c.Get(look, s.Group, s.Name)
	switch {
	case failed != nil:
		return "", lost, err
	case len(s.Differences(found)) == 0:
		return found.ARN, false, nil
	}
	return "", false, &TakenError{Found: found}
}

// codeConflict is the code of a name that is taken, and of a change while
// another one is under way.
const codeConflict = "ConflictException"

// Update makes a schedule say what s says, and nothing else: the service takes
// what is left out for its default. The key that encrypts the schedule is kept,
// which is the account's business.
func (c *Client) Update(ctx context.Context, s Schedule, now *Schedule) error {
	in := s.input()
	update := &scheduler.UpdateScheduleInput{
		ActionAfterCompletion: in.ActionAfterCompletion, ClientToken: aws.String(rand.Text()), Description: in.Description,
		FlexibleTimeWindow: in.FlexibleTimeWindow, GroupName: in.GroupName, Name: in.Name, ScheduleExpression: in.ScheduleExpression,
		ScheduleExpressionTimezone: in.ScheduleExpressionTimezone, State: in.State, Target: in.Target,
	}
	if now != nil && now.kmsKey != "" {
		update.KmsKeyArn = aws.String(now.kmsKey)
	}
	return c.assuming(ctx, func(ctx context.Context) error {
		return c.uncontested(ctx, func(ctx context.Context) error {
			_, err := c.api.UpdateSchedule(ctx, update)
			return c.fail(err)
		})
	})
}

// Delete deletes a schedule. One that does not exist is fine.
func (c *Client) Delete(ctx context.Context, group, name string) error {
	err := c.uncontested(ctx, func(ctx context.Context) error {
		_, err := c.api.DeleteSchedule(ctx, &scheduler.DeleteScheduleInput{
			GroupName: aws.String(group), Name: aws.String(name), ClientToken: aws.String(rand.Text()),
		})
		return c.fail(err)
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// assuming repeats a request while the service cannot assume the role.
func (c *Client) assuming(ctx context.Context, request func(context.Context) error) error {
	return c.repeat(ctx, propagation, func(err error) bool { return RoleProblem(err) == RoleNotAssumable }, request)
}

// uncontested repeats a request while another change is under way.
func (c *Client) uncontested(ctx context.Context, request func(context.Context) error) error {
	return c.repeat(ctx, contention, func(err error) bool { f := fault.As(err); return f != nil && f.Code == codeConflict }, request)
}

// repeat makes a request again for so long, and returns its last error: that of
// the context would tell less.
func (c *Client) repeat(ctx context.Context, limit time.Duration, again func(error) bool, request func(context.Context) error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var last error
	err := wait.Poll(limited, c.pace, func(context.Context) (bool, error) {
		// The request itself has the whole time of the operation.
		err := request(ctx)
		if err != nil && again(err) {
			last = err
			return false, nil
		}
		return true, err
	})
	if last != nil && err != nil && limited.Err() != nil && errors.Is(err, context.Cause(limited)) {
		return last
	}
	return err
}
