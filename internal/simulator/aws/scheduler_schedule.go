package aws

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxScheduleName limits the names of schedules and groups.
const maxScheduleName = 64

// defaultScheduleQuota is how many schedules an account may have in a region ("Quotas for
// Amazon EventBridge Scheduler", User Guide).
const defaultScheduleQuota = 1_000_000

var (
	scheduleName      = regexp.MustCompile(`^[0-9a-zA-Z\-_.]+$`)
	scheduleRole      = regexp.MustCompile(`^arn:aws(-[a-z]+)?:iam::\d{12}:role/[\w+=,.@/-]+$`)
	scheduleQueue     = regexp.MustCompile(`^arn:aws(-[a-z]+)?:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$`)
	scheduleToken     = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)
	universalTarget   = regexp.MustCompile(`^arn:aws(-[a-z]+)?:scheduler:::aws-sdk:[a-z0-9]+:[a-zA-Z0-9]+$`)
	scheduleInstances = []string{"startInstances", "stopInstances"}
)

// scheduleSpec is what CreateSchedule and UpdateSchedule say, and GetSchedule answers. Pointers
// tell what was left out, which the service fills in.
type scheduleSpec struct {
	ActionAfterCompletion      string          `json:",omitempty"`
	Description                string          `json:",omitempty"`
	EndDate                    *float64        `json:",omitempty"`
	FlexibleTimeWindow         *flexible       `json:",omitempty"`
	GroupName                  string          `json:",omitempty"`
	KmsKeyArn                  string          `json:",omitempty"`
	ScheduleExpression         string          `json:",omitempty"`
	ScheduleExpressionTimezone string          `json:",omitempty"`
	StartDate                  *float64        `json:",omitempty"`
	State                      string          `json:",omitempty"`
	Target                     *scheduleTarget `json:",omitempty"`
}

type flexible struct {
	Mode                   string
	MaximumWindowInMinutes *int `json:",omitempty"`
}

type scheduleTarget struct {
	Arn, RoleArn     string
	Input            string       `json:",omitempty"`
	DeadLetterConfig *deadLetters `json:",omitempty"`
	RetryPolicy      *retryPolicy `json:",omitempty"`
}

type deadLetters struct{ Arn string }

type retryPolicy struct {
	MaximumEventAgeInSeconds *int `json:",omitempty"`
	MaximumRetryAttempts     *int `json:",omitempty"`
}

// schedule is a schedule at run time.
type schedule struct {
	spec           scheduleSpec
	name, token    string
	asked          []byte // what the request with that token said
	when           expression
	made, modified time.Time
	// done: a one-time schedule has run.
	done   bool
	cancel func()
	runs   []ScheduleRun
}

func (s *schedule) key() string { return s.spec.GroupName + "/" + s.name }

func (r *Region) scheduleARN(s *schedule) string {
	return "arn:aws:scheduler:" + r.geo.name + ":" + r.account.id + ":schedule/" + s.key()
}

func (r *Region) schedulesIn(group string) []*schedule {
	var out []*schedule
	for _, s := range r.schedules {
		if group == "" || s.spec.GroupName == group {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *schedule) int { return strings.Compare(a.key(), b.key()) })
	return out
}

func (r *Region) dropSchedule(s *schedule) {
	if s.cancel != nil {
		s.cancel()
	}
	delete(r.schedules, s.key())
}

// specified reads and checks the body of CreateSchedule and UpdateSchedule. What is left out
// gets the default of the system, also in an update ("UpdateSchedule", API reference).
func (c *schedulerCall) specified() (*scheduleSpec, expression, string, *APIError) {
	var asked struct {
		scheduleSpec
		ClientToken string
	}
	if refused := c.decode(&asked); refused != nil {
		return nil, nil, "", refused
	}
	spec := asked.scheduleSpec
	spec.GroupName = firstText(spec.GroupName, "default")
	spec.State = firstText(spec.State, "ENABLED")
	spec.ActionAfterCompletion = firstText(spec.ActionAfterCompletion, "NONE")
	spec.ScheduleExpressionTimezone = firstText(spec.ScheduleExpressionTimezone, "UTC")
	if refused := c.checkMembers(&spec, asked.ClientToken); refused != nil {
		return nil, nil, "", refused
	}
	zone, err := time.LoadLocation(spec.ScheduleExpressionTimezone)
	if err != nil || spec.ScheduleExpressionTimezone == "Local" {
		return nil, nil, "", refuse("ValidationException", "Invalid Schedule Expression Timezone %s.", spec.ScheduleExpressionTimezone)
	}
	start := c.sim.now()
	if spec.StartDate != nil {
		start = time.Unix(int64(*spec.StartDate), 0)
	}
	when, ok := parseExpression(spec.ScheduleExpression, zone, start)
	if !ok {
		// The words are those of https://github.com/localstack/localstack/issues/9284.
		return nil, nil, "", refuse("ValidationException", "Invalid Schedule Expression %s.", spec.ScheduleExpression)
	}
	if refused := c.checkTarget(spec.Target); refused != nil {
		return nil, nil, "", refused
	}
	if c.region.scheduleGroup(spec.GroupName) == nil {
		return nil, nil, "", c.noGroup(spec.GroupName)
	}
	return &spec, when, asked.ClientToken, nil
}

// checkMembers holds the members against the constraints of the service model.
func (c *schedulerCall) checkMembers(spec *scheduleSpec, token string) *APIError {
	const pattern = "Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$"
	for _, name := range []struct{ member, value string }{{"name", c.name}, {"groupName", spec.GroupName}} {
		switch {
		case !scheduleName.MatchString(name.value):
			return badMember(name.member, name.value, pattern)
		case len(name.value) > maxScheduleName:
			return badMember(name.member, name.value, "Member must have length less than or equal to 64")
		}
	}
	switch {
	case token != "" && !scheduleToken.MatchString(token):
		return badMember("clientToken", token, "Member must satisfy regular expression pattern: ^[a-zA-Z0-9-_]+$")
	case len(spec.Description) > 512:
		return badMember("description", spec.Description, "Member must have length less than or equal to 512")
	case spec.State != "ENABLED" && spec.State != "DISABLED":
		return badMember("state", spec.State, "Member must satisfy enum value set: [ENABLED, DISABLED]")
	case spec.ActionAfterCompletion != "NONE" && spec.ActionAfterCompletion != "DELETE":
		return badMember("actionAfterCompletion", spec.ActionAfterCompletion, "Member must satisfy enum value set: [NONE, DELETE]")
	case len(spec.ScheduleExpression) > 256:
		return badMember("scheduleExpression", spec.ScheduleExpression, "Member must have length less than or equal to 256")
	case spec.FlexibleTimeWindow == nil:
		return badMember("flexibleTimeWindow", "null", "Member must not be null")
	case spec.ScheduleExpression == "":
		return badMember("scheduleExpression", "null", "Member must not be null")
	case spec.Target == nil:
		return badMember("target", "null", "Member must not be null")
	}
	window := spec.FlexibleTimeWindow
	switch {
	case window.Mode == "OFF" && window.MaximumWindowInMinutes == nil:
	case window.Mode == "FLEXIBLE" && window.MaximumWindowInMinutes != nil && *window.MaximumWindowInMinutes >= 1 && *window.MaximumWindowInMinutes <= 1440:
	default:
		return refuse("ValidationException", "The flexible time window is not valid.")
	}
	return nil
}

// checkTarget holds a target against the model, and the role against IAM: the service tries to
// assume it, and the caller must be allowed to pass it ("Setting up Amazon EventBridge
// Scheduler", User Guide). The words about the role are those of provider "aws",
// internal/service/scheduler/schedule.go.
func (c *schedulerCall) checkTarget(t *scheduleTarget) *APIError {
	policy := t.RetryPolicy
	if policy == nil {
		policy = &retryPolicy{}
		t.RetryPolicy = policy
	}
	// The defaults are in "Configuring a retry policy", User Guide.
	policy.MaximumEventAgeInSeconds = cmp.Or(policy.MaximumEventAgeInSeconds, pointer(86400))
	policy.MaximumRetryAttempts = cmp.Or(policy.MaximumRetryAttempts, pointer(185))
	age, attempts := *policy.MaximumEventAgeInSeconds, *policy.MaximumRetryAttempts
	switch {
	case !scheduleRole.MatchString(t.RoleArn):
		return badMember("target.roleArn", t.RoleArn, `Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:iam::\d{12}:role\/[\w+=,.@\/-]+$`)
	case t.DeadLetterConfig != nil && !scheduleQueue.MatchString(t.DeadLetterConfig.Arn):
		return badMember("target.deadLetterConfig.arn", t.DeadLetterConfig.Arn, `Member must satisfy regular expression pattern: ^arn:aws(-[a-z]+)?:sqs:[a-z0-9\-]+:\d{12}:[a-zA-Z0-9\-_]+$`)
	case age < 60 || age > 86400:
		return badMember("target.retryPolicy.maximumEventAgeInSeconds", strconv.Itoa(age), "Member must have value between 60 and 86400")
	case attempts < 0 || attempts > 185:
		return badMember("target.retryPolicy.maximumRetryAttempts", strconv.Itoa(attempts), "Member must have value between 0 and 185")
	case t.Input != "" && !json.Valid([]byte(t.Input)):
		return refuse("ValidationException", "The input for the target is not valid JSON.")
	case !universalTarget.MatchString(t.Arn):
		return refuse("ValidationException", "Provided Arn is not in correct format.")
	}
	// Only these are simulated; AWS has thousands.
	if i := strings.LastIndexByte(t.Arn, ':'); !strings.Contains(t.Arn, ":aws-sdk:ec2:") || !slices.Contains(scheduleInstances, t.Arn[i+1:]) {
		return unsupported("the schedule target %s", t.Arn)
	}
	if c.region.account.deniedAction("iam:PassRole") {
		return notAuthorized(c.Caller.ARN, "iam:PassRole", t.RoleArn)
	}
	if !c.region.account.assumable(t.RoleArn, "scheduler.amazonaws.com") {
		return refuse("ValidationException", "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.")
	}
	return nil
}

func pointer[T any](v T) *T { return &v }

// createSchedule: a repeated token with the same request is the same creation.
func (c *schedulerCall) createSchedule() (any, *APIError) {
	spec, when, token, refused := c.specified()
	if refused != nil {
		return nil, refused
	}
	key := spec.GroupName + "/" + c.name
	if found := c.region.schedules[key]; found != nil {
		if token != "" && found.token == token && bytes.Equal(found.asked, c.Body) {
			return map[string]any{"ScheduleArn": c.region.scheduleARN(found)}, nil
		}
		return nil, scheduleConflict("Schedule " + c.name + " already exists.")
	}
	if len(c.region.schedules) >= c.region.scheduleQuota() {
		return nil, &APIError{Status: 402, Code: "ServiceQuotaExceededException", Message: "The request exceeds the quota of schedules."}
	}
	made := &schedule{spec: *spec, name: c.name, token: token, asked: bytes.Clone(c.Body), when: when, made: c.sim.now(), modified: c.sim.now()}
	if c.region.schedules == nil {
		c.region.schedules = map[string]*schedule{}
	}
	c.region.schedules[key] = made
	c.region.arm(made, c.sim.now())
	return map[string]any{"ScheduleArn": c.region.scheduleARN(made)}, nil
}

// found is the schedule that the path and the parameter groupName name.
func (c *schedulerCall) found() (*schedule, *APIError) {
	group := firstText(c.Params.Get("groupName"), "default")
	if s := c.region.schedules[group+"/"+c.name]; s != nil {
		return s, nil
	}
	if c.region.scheduleGroup(group) == nil {
		return nil, c.noGroup(group)
	}
	return nil, c.noSchedule(c.name)
}

func (c *schedulerCall) getSchedule() (any, *APIError) {
	s, refused := c.found()
	if refused != nil {
		return nil, refused
	}
	return struct {
		scheduleSpec
		Arn, Name                          string
		CreationDate, LastModificationDate float64
	}{s.spec, c.region.scheduleARN(s), s.name, seconds(s.made), seconds(s.modified)}, nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (c *schedulerCall) updateSchedule() (any, *APIError) {
	spec, when, _, refused := c.specified()
	if refused != nil {
		return nil, refused
	}
	s := c.region.schedules[spec.GroupName+"/"+c.name]
	if s == nil {
		return nil, c.noSchedule(c.name)
	}
	if spec.ScheduleExpression != s.spec.ScheduleExpression || spec.ScheduleExpressionTimezone != s.spec.ScheduleExpressionTimezone {
		s.done = false
	}
	s.spec, s.when, s.modified = *spec, when, c.sim.now()
	c.region.arm(s, c.sim.now())
	return map[string]any{"ScheduleArn": c.region.scheduleARN(s)}, nil
}

func (c *schedulerCall) deleteSchedule() (any, *APIError) {
	s, refused := c.found()
	if refused != nil {
		return nil, refused
	}
	c.region.dropSchedule(s)
	return map[string]any{}, nil
}

func (c *schedulerCall) listSchedules() (any, *APIError) {
	group := c.Params.Get("ScheduleGroup")
	if group != "" && c.region.scheduleGroup(group) == nil {
		return nil, c.noGroup(group)
	}
	limit := 100
	if text := c.Params.Get("MaxResults"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return nil, badMember("maxResults", text, "Member must have value between 1 and 100")
		}
		limit = n
	}
	limit = min(limit, c.sim.options.PageSize)
	summaries := []any{}
	token := ""
	for _, s := range c.region.schedulesIn(group) {
		state := c.Params.Get("State")
		if s.key() <= c.Params.Get("NextToken") || !strings.HasPrefix(s.name, c.Params.Get("NamePrefix")) || state != "" && state != s.spec.State {
			continue
		}
		if len(summaries) == limit {
			return map[string]any{"Schedules": summaries, "NextToken": token}, nil
		}
		token = s.key()
		summaries = append(summaries, map[string]any{
			"Arn": c.region.scheduleARN(s), "GroupName": s.spec.GroupName, "Name": s.name, "State": s.spec.State,
			"CreationDate": seconds(s.made), "LastModificationDate": seconds(s.modified), "Target": map[string]string{"Arn": s.spec.Target.Arn},
		})
	}
	return map[string]any{"Schedules": summaries}, nil
}
