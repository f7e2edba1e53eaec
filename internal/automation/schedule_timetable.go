package automation

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/scheduling"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// timetable is what an operation on the schedules of a worker speaks to.
type timetable struct {
	ec2       *instance.Client
	scheduler *scheduling.Client
	// partition and account are those of ARNs.
	partition, account string
}

// open returns the clients of the region of a model.
func (r *Schedule) open(ctx context.Context, m *scheduleModel) (*timetable, error) {
	ec2, err := r.set.Instances(ctx, m.Region.ValueString())
	if err != nil {
		return nil, err
	}
	scheduler, err := r.set.Scheduling(ctx, ec2.Region())
	if err != nil {
		return nil, err
	}
	caller, err := r.set.Identity(ctx)
	if err != nil {
		return nil, err
	}
	t := &timetable{ec2: ec2, scheduler: scheduler, partition: caller.Partition, account: caller.AccountID}
	if t.partition == "" {
		t.partition = "aws"
	}
	return t, nil
}

// get reads the schedule of a part, nil if there is none.
func (t *timetable) get(ctx context.Context, m *scheduleModel, p part) (*scheduling.Schedule, error) {
	s, err := t.scheduler.Get(ctx, m.GroupName.ValueString(), m.scheduleNameOf(p))
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil
	case err == nil && s.ARN == "": // which an answer may leave out
		s.ARN = fmt.Sprintf("arn:%s:scheduler:%s:%s:schedule/%s/%s", t.partition, t.scheduler.Region(), t.account, s.Group, s.Name)
	}
	return s, err
}

// put brings the schedule of a part to what the model says, from what was read,
// and returns its ARN. mayExist: it may have been made in spite of the error.
func (t *timetable) put(ctx context.Context, m *scheduleModel, p part, now *scheduling.Schedule) (arn string, mayExist bool, err error) {
	want := m.expand(p, t.partition)
	switch {
	case now == nil:
		return t.scheduler.Create(ctx, want)
	case len(want.Differences(now)) == 0:
		return now.ARN, false, nil
	}
	return now.ARN, false, t.scheduler.Update(ctx, want, now)
}

// explainSchedule is the diagnostic of an error, at the argument that is to
// blame. m is what was to be applied.
func explainSchedule(summary string, m *scheduleModel, err error) diag.Diagnostic {
	about := m.about()
	var taken *scheduling.TakenError
	switch problem := scheduling.RoleProblem(err); {
	case problem == scheduling.RoleNotPassed:
		about.Attribute = path.Root("role_arn")
		about.Next = fmt.Sprintf("let the identity that Terraform uses do `iam:PassRole` on %s, with the condition that iam:PassedToService is scheduler.amazonaws.com.", m.RoleARN.ValueString())
	case problem == scheduling.RoleNotAssumable:
		about.Attribute = path.Root("role_arn")
		about.Next = fmt.Sprintf("let scheduler.amazonaws.com do `sts:AssumeRole` in the trust policy of %s, and check that the role exists. "+
			"A condition on aws:SourceArn has to name the schedule group, not a schedule. The section \"IAM role\" of this resource's documentation has a whole one.", m.RoleARN.ValueString())
	case errors.As(err, &taken):
		about.Attribute = path.Root("name")
		id := m.GroupName.ValueString() + "/" + m.Name.ValueString()
		about.Next = fmt.Sprintf("set another `name`, or delete that schedule. Its description is %q. If it was made by this resource in a run that was killed, or belongs to it in another state, import it: terraform import <address> %s", taken.Found.Description, id)
	case fault.Is(err, fault.NotFound) && fault.As(err) != nil && fault.As(err).Operation == "CreateSchedule":
		about.Attribute = path.Root("group_name")
		about.Next = "make the schedule group first, in this region, or leave `group_name` out."
	case fault.Is(err, fault.Quota):
		about.Next = "ask for a higher quota of EventBridge Scheduler in Service Quotas, or delete schedules that are not needed any more: one-time schedules that have run count too."
	}
	return tfdiag.Error(summary, about, err)
}
