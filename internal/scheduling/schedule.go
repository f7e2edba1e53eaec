package scheduling

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/scheduler/types"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Action is what a schedule does to its instances.
type Action string

// The actions: API operations of EC2, as universal targets spell them.
const (
	Start Action = "startInstances"
	Stop  Action = "stopInstances"
)

// The limits of the retry policy (service model, "MaximumEventAgeInSeconds").
const (
	ShortestRetry = time.Minute
	LongestRetry  = 24 * time.Hour
)

// maximumAttempts is the default of the service. The window ends the retries
// long before.
const maximumAttempts = 185

// Schedule is one schedule that starts or stops instances at exact times.
type Schedule struct {
	Group, Name string
	Description string
	// Expression is a cron(…) or at(…) expression, read in Timezone, the IANA
	// name of a time zone.
	Expression, Timezone string
	Action               Action
	InstanceIDs          []string
	// Partition is that of the target's ARN: "aws", "aws-cn", …
	Partition string
	// RoleARN is the role that calls EC2. DeadLetterARN is the queue for what
	// failed, or "".
	RoleARN, DeadLetterARN string
	// RetryWindow is how long a call that failed is tried again; whole seconds.
	RetryWindow time.Duration
	Enabled     bool

	// ARN is set in what was read.
	ARN string
	// What was read and is not as this package writes it.
	kmsKey, target string
	odd            []string
}

func (s *Schedule) targetARN() string {
	return fmt.Sprintf("arn:%s:scheduler:::aws-sdk:ec2:%s", s.Partition, s.Action)
}

// input is the request that makes the schedule. One that has run once stays, so
// that it can be read afterwards.
func (s *Schedule) input() *scheduler.CreateScheduleInput {
	instances, _ := json.Marshal(map[string][]string{"InstanceIds": s.InstanceIDs}) // strings cannot fail
	state := types.ScheduleStateEnabled
	if !s.Enabled {
		state = types.ScheduleStateDisabled
	}
	target := &types.Target{
		Arn: aws.String(s.targetARN()), RoleArn: aws.String(s.RoleARN), Input: aws.String(string(instances)),
		RetryPolicy: &types.RetryPolicy{
			MaximumEventAgeInSeconds: aws.Int32(int32(s.RetryWindow / time.Second)), MaximumRetryAttempts: aws.Int32(maximumAttempts),
		},
	}
	if s.DeadLetterARN != "" {
		target.DeadLetterConfig = &types.DeadLetterConfig{Arn: aws.String(s.DeadLetterARN)}
	}
	return &scheduler.CreateScheduleInput{
		GroupName: aws.String(s.Group), Name: aws.String(s.Name), Description: aws.String(s.Description),
		ScheduleExpression: aws.String(s.Expression), ScheduleExpressionTimezone: aws.String(s.Timezone),
		FlexibleTimeWindow:    &types.FlexibleTimeWindow{Mode: types.FlexibleTimeWindowModeOff},
		ActionAfterCompletion: types.ActionAfterCompletionNone, State: state, Target: target,
	}
}

// fromOutput takes an answer apart. What a server leaves out has the default of
// the service.
func fromOutput(out *scheduler.GetScheduleOutput, group, name string) *Schedule {
	s := &Schedule{
		Group: group, Name: name, Description: aws.ToString(out.Description), ARN: aws.ToString(out.Arn),
		Expression: aws.ToString(out.ScheduleExpression), Timezone: aws.ToString(out.ScheduleExpressionTimezone),
		RetryWindow: LongestRetry, Enabled: out.State != types.ScheduleStateDisabled, kmsKey: aws.ToString(out.KmsKeyArn),
	}
	if s.Timezone == "" {
		s.Timezone = "UTC"
	}
	note := func(odd bool, what string) {
		if odd {
			s.odd = append(s.odd, what)
		}
	}
	note(out.StartDate != nil, "start date")
	note(out.EndDate != nil, "end date")
	note(out.FlexibleTimeWindow != nil && out.FlexibleTimeWindow.Mode == types.FlexibleTimeWindowModeFlexible, "flexible time window")
	note(out.ActionAfterCompletion == types.ActionAfterCompletionDelete, "deletion after completion")
	if t := out.Target; t != nil {
		s.target, s.RoleARN = aws.ToString(t.Arn), aws.ToString(t.RoleArn)
		if i := strings.LastIndexByte(s.target, ':'); i >= 0 && strings.Contains(s.target, ":aws-sdk:ec2:") {
			s.Action = Action(s.target[i+1:])
			s.Partition = strings.Split(s.target, ":")[1]
		}
		var input struct {
			InstanceIDs []string `json:"InstanceIds"`
		}
		if json.Unmarshal([]byte(aws.ToString(t.Input)), &input) == nil {
			s.InstanceIDs = input.InstanceIDs
		}
		if t.DeadLetterConfig != nil {
			s.DeadLetterARN = aws.ToString(t.DeadLetterConfig.Arn)
		}
		if p := t.RetryPolicy; p != nil {
			if p.MaximumEventAgeInSeconds != nil {
				s.RetryWindow = time.Duration(*p.MaximumEventAgeInSeconds) * time.Second
			}
			note(p.MaximumRetryAttempts != nil && *p.MaximumRetryAttempts != maximumAttempts, "number of retries")
		}
	}
	return s
}

// Differences names in words what of a schedule that was read is not as s wants
// it, so that an update would change it.
func (s *Schedule) Differences(read *Schedule) []string {
	out := slices.Clone(read.odd)
	for _, d := range []struct {
		what string
		same bool
	}{
		{"expression", s.Expression == read.Expression},
		{"time zone", s.Timezone == read.Timezone},
		{"description", s.Description == read.Description},
		{"target", s.targetARN() == read.target},
		{"instances", slices.Equal(s.InstanceIDs, read.InstanceIDs)},
		{"role", s.RoleARN == read.RoleARN},
		{"dead-letter queue", s.DeadLetterARN == read.DeadLetterARN},
		{"retry window", s.RetryWindow == read.RetryWindow},
		{"state", s.Enabled == read.Enabled},
	} {
		if !d.same {
			out = append(out, d.what)
		}
	}
	return out
}

// Cron is the expression of six fields.
func Cron(fields string) string { return "cron(" + fields + ")" }

// Fields are those of a cron expression, "" for another one.
func Fields(expression string) string {
	if inner, ok := strings.CutPrefix(expression, "cron("); ok {
		return strings.TrimSuffix(inner, ")")
	}
	return ""
}

// atLayout is that of at(…); the zone is written beside it.
const atLayout = "2006-01-02T15:04:05"

// At is the expression of a moment, in UTC.
func At(t time.Time) string { return "at(" + t.UTC().Format(atLayout) + ")" }

// Moment is that of an at(…) expression in a time zone; zero for another one.
func Moment(expression, timezone string) time.Time {
	inner, ok := strings.CutPrefix(expression, "at(")
	zone, err := time.LoadLocation(timezone)
	if !ok || err != nil {
		return time.Time{}
	}
	t, err := time.ParseInLocation(atLayout, strings.TrimSuffix(inner, ")"), zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

// What can be wrong with the role of a schedule.
const (
	// RoleNotPassed: the caller may not hand the role to the service.
	RoleNotPassed = "iam:PassRole"
	// RoleNotAssumable: the service may not assume the role, or does not know of
	// it yet.
	RoleNotAssumable = "sts:AssumeRole"
)

// RoleProblem says which of the two an error is about, or "". That a role is not
// assumable has no code of its own: "The execution role you provide must allow
// AWS EventBridge Scheduler to assume the role."
func RoleProblem(err error) string {
	f := fault.As(err)
	switch {
	case f == nil:
	case f.Kind == fault.PermissionDenied && f.MissingAction == "iam:PassRole":
		return RoleNotPassed
	case f.Code == "ValidationException" && strings.Contains(f.Message, "to assume the role"):
		return RoleNotAssumable
	}
	return ""
}
