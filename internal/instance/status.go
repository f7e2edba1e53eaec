package instance

import (
	"context"
	"encoding/base64"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// The values of a status check (EC2 API, SummaryStatus).
const (
	CheckOK               = "ok"
	CheckImpaired         = "impaired"
	CheckInsufficientData = "insufficient-data"
	CheckNotApplicable    = "not-applicable"
	CheckInitializing     = "initializing"
)

// Status is what EC2's checks say of an instance. Members are empty where the
// answer has none.
type Status struct {
	// State is the state of the instance.
	State string
	// System, Instance and AttachedEBS are the three checks.
	System, Instance, AttachedEBS string
	Events                        []Event
}

// OK says that the machine passes: system and instance ok, the volumes ok, not
// applicable or not reported.
func (s Status) OK() bool {
	if s.System != CheckOK || s.Instance != CheckOK {
		return false
	}
	return s.AttachedEBS == "" || s.AttachedEBS == CheckOK || s.AttachedEBS == CheckNotApplicable
}

// Event is something that AWS has scheduled for an instance, such as a reboot
// or its retirement.
type Event struct {
	ID, Code, Description string
	// NotBefore and NotAfter are the window, zero where not said.
	NotBefore, NotAfter time.Time
}

// Over says that the event is history: EC2 marks its text and still lists it
// for a week.
func (e Event) Over() bool {
	return strings.HasPrefix(e.Description, "[Completed]") || strings.HasPrefix(e.Description, "[Canceled]")
}

// StatusChecks returns the status checks of an instance in any state. Reads at
// the same time share requests. An instance that EC2 says nothing about gives a
// zero Status, one that does not exist an error of kind NotFound.
func (c *Client) StatusChecks(ctx context.Context, id string) (Status, error) {
	s, ok, err := c.statuses.get(ctx, id)
	if err == nil && !ok {
		err = c.errorf(fault.NotFound, "DescribeInstanceStatus", "instance %s does not exist", id)
	}
	return s, err
}

// fetchStatuses answers a batch of StatusChecks. The call has no filter for
// ids, and one unknown id in its list fails it, so a batch that fails so is
// halved until the unknown one is alone.
func (c *Client) fetchStatuses(ctx context.Context, ids []string) (map[string]Status, error) {
	out := make(map[string]Status, len(ids))
	err := c.pages(ctx, "DescribeInstanceStatus", func(ctx context.Context, token *string) (*string, error) {
		page, err := c.api.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{
			InstanceIds: ids, IncludeAllInstances: aws.Bool(true), NextToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, s := range page.InstanceStatuses {
			out[aws.ToString(s.InstanceId)] = statusFromEC2(s)
		}
		return page.NextToken, nil
	})
	switch {
	case err == nil:
		for _, id := range ids {
			if _, ok := out[id]; !ok {
				out[id] = Status{} // it exists, or the call had failed
			}
		}
		return out, nil
	case !fault.Is(err, fault.NotFound, fault.BadReference):
		return nil, err
	case len(ids) == 1:
		return nil, nil
	}
	out = make(map[string]Status, len(ids))
	for _, half := range [][]string{ids[:len(ids)/2], ids[len(ids)/2:]} {
		part, err := c.fetchStatuses(ctx, half)
		if err != nil {
			return nil, err
		}
		maps.Copy(out, part)
	}
	return out, nil
}

func statusFromEC2(in types.InstanceStatus) Status {
	var out Status
	if in.InstanceState != nil {
		out.State = string(in.InstanceState.Name)
	}
	if in.SystemStatus != nil {
		out.System = string(in.SystemStatus.Status)
	}
	if in.InstanceStatus != nil {
		out.Instance = string(in.InstanceStatus.Status)
	}
	if in.AttachedEbsStatus != nil {
		out.AttachedEBS = string(in.AttachedEbsStatus.Status)
	}
	for _, e := range in.Events {
		out.Events = append(out.Events, Event{
			ID: aws.ToString(e.InstanceEventId), Code: string(e.Code), Description: aws.ToString(e.Description),
			NotBefore: aws.ToTime(e.NotBefore), NotAfter: aws.ToTime(e.NotAfter),
		})
	}
	return out
}

// ConsoleOutput returns the newest console text that EC2 has, which may be
// empty and may lag. It can hold secrets that the machine printed.
//
// Types that are not built on Nitro refuse the question for the latest text;
// they are asked for what they posted last.
func (c *Client) ConsoleOutput(ctx context.Context, id string) (string, error) {
	out, err := c.api.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(id), Latest: aws.Bool(true)})
	if err != nil && fault.Is(c.fail(err), fault.Invalid) {
		out, err = c.api.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(id)})
	}
	if err != nil {
		return "", c.fail(err)
	}
	raw := aws.ToString(out.Output)
	if text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(raw)); err == nil {
		return string(text), nil
	}
	return raw, nil // not as documented, but better than nothing for one who looks for a cause
}
