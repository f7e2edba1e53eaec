package aws

import (
	"encoding/json"
	"strings"
	"time"
)

// ScheduleRun is one try of a schedule to call its target.
type ScheduleRun struct {
	At time.Time
	// Due is when the schedule was to run; a later At is a retry.
	Due    time.Time
	Action string
	// Error is the answer of the target, empty for success.
	Error string
}

// retryPause is the time to the first retry; each further one is twice as long. The service
// promises exponential backoff and no numbers ("RetryPolicy", API reference).
const retryPause = time.Minute

// arm waits for the next time of a schedule.
func (r *Region) arm(s *schedule, after time.Time) {
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
	if s.done {
		return
	}
	if s.spec.StartDate != nil && !s.when.once() {
		if start := time.Unix(int64(*s.spec.StartDate), 0); after.Before(start) {
			after = start.Add(-time.Nanosecond)
		}
	}
	due := s.when.next(after)
	if due.IsZero() || s.spec.EndDate != nil && !s.when.once() && due.After(time.Unix(int64(*s.spec.EndDate), 0)) {
		return
	}
	s.cancel = r.sim.at(due, func() {
		s.cancel = nil
		if s.spec.State == "ENABLED" {
			r.invoke(s.snapshot(), s, due, 0)
		}
		if !s.when.once() {
			r.arm(s, due)
			return
		}
		s.done = s.spec.State == "ENABLED"
		if s.done && s.spec.ActionAfterCompletion == "DELETE" {
			r.dropSchedule(s)
		}
	})
}

// snapshot is the target at the moment of a run, which its retries keep.
func (s *schedule) snapshot() scheduleTarget { return *s.spec.Target }

// invoke calls the target, and again later until the retry policy has had enough; then the
// event goes to the dead-letter queue.
func (r *Region) invoke(t scheduleTarget, s *schedule, due time.Time, tries int) {
	now := r.sim.now()
	action := t.Arn[strings.LastIndexByte(t.Arn, ':')+1:]
	run := ScheduleRun{At: now, Due: due, Action: action}
	refused := r.callTarget(t, action)
	if refused != nil {
		run.Error = refused.Error()
	}
	s.runs = append(s.runs, run)
	if refused == nil {
		return
	}
	pause := retryPause << min(tries, 10)
	if tries >= *t.RetryPolicy.MaximumRetryAttempts || now.Add(pause).Sub(due) > time.Duration(*t.RetryPolicy.MaximumEventAgeInSeconds)*time.Second {
		if t.DeadLetterConfig != nil {
			r.deadLetters = append(r.deadLetters, t.DeadLetterConfig.Arn)
		}
		return
	}
	r.sim.after(pause, func() { r.invoke(t, s, due, tries+1) })
}

// callTarget is the call of EC2 that a universal target stands for, made as the role of the
// schedule. The members of the input are those of the API ("Using universal targets", User
// Guide).
func (r *Region) callTarget(t scheduleTarget, action string) *APIError {
	var input struct {
		InstanceIDs []string `json:"InstanceIds"`
	}
	if err := json.Unmarshal([]byte(t.Input), &input); err != nil {
		return refuse("ValidationException", "%s", err.Error())
	}
	name := strings.ToUpper(action[:1]) + action[1:]
	c, op := r.order(name, t.RoleArn[strings.LastIndexByte(t.RoleArn, '/')+1:]+"/scheduler", input.InstanceIDs...)
	if refused := c.authorize("ec2:"+name, c.target(op)); refused != nil {
		return refused
	}
	_, refused := op.run(c)
	return refused
}
