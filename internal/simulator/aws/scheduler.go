package aws

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// schedulerService is EventBridge Scheduler. It speaks REST-JSON: the operation is in method
// and path, the code of an error in the header X-Amzn-ErrorType (EventBridge Scheduler API
// reference and the service model of botocore, scheduler/2021-06-30).
type schedulerService struct{ sim *Simulator }

// schedulerCall is one request under way. name is what the path names.
type schedulerCall struct {
	*Request
	sim    *Simulator
	region *Region
	name   string
}

var schedulerOperations = map[string]func(*schedulerCall) (any, *APIError){
	"CreateSchedule":      (*schedulerCall).createSchedule,
	"GetSchedule":         (*schedulerCall).getSchedule,
	"UpdateSchedule":      (*schedulerCall).updateSchedule,
	"DeleteSchedule":      (*schedulerCall).deleteSchedule,
	"ListSchedules":       (*schedulerCall).listSchedules,
	"CreateScheduleGroup": (*schedulerCall).createGroup,
	"GetScheduleGroup":    (*schedulerCall).getGroup,
	"DeleteScheduleGroup": (*schedulerCall).deleteGroup,
}

// schedulerRoutes maps method and collection to the operation on one of it, or on all.
var schedulerRoutes = map[string]string{
	"POST schedules/": "CreateSchedule", "GET schedules/": "GetSchedule", "PUT schedules/": "UpdateSchedule",
	"DELETE schedules/": "DeleteSchedule", "GET schedules": "ListSchedules",
	"POST schedule-groups/": "CreateScheduleGroup", "GET schedule-groups/": "GetScheduleGroup",
	"DELETE schedule-groups/": "DeleteScheduleGroup", "GET schedule-groups": "ListScheduleGroups",
}

func (s *schedulerService) SigningName() string { return "scheduler" }
func (s *schedulerService) Public(string) bool  { return false }

func (s *schedulerService) Operation(r *Request) string {
	collection, _ := schedulerPath(r)
	return schedulerRoutes[r.HTTP.Method+" "+collection]
}

// schedulerPath splits the path into the collection, with a slash if it names a member, and
// that name.
func schedulerPath(r *Request) (collection, name string) {
	collection, name, one := strings.Cut(strings.TrimPrefix(r.HTTP.URL.EscapedPath(), "/"), "/")
	if !one {
		return collection, ""
	}
	name, _ = url.PathUnescape(name) // EscapedPath is always well-formed
	return collection + "/", name
}

func (s *schedulerService) Throttled() *APIError {
	return &APIError{Status: http.StatusTooManyRequests, Code: "ThrottlingException", Message: "Rate exceeded"}
}

func (s *schedulerService) Serve(r *Request) (Answer, *APIError) {
	run, ok := schedulerOperations[r.Operation]
	if !ok {
		return Answer{}, &APIError{Status: http.StatusNotFound, Code: "UnknownOperationException", Message: "Unknown operation"}
	}
	action := "scheduler:" + r.Operation
	if s.sim.accounts[r.Caller.AccountID].deniedAction(action) {
		return Answer{}, notAuthorized(r.Caller.ARN, action, "arn:aws:scheduler:"+r.Region+":"+r.Caller.AccountID+":*")
	}
	_, name := schedulerPath(r)
	output, refused := run(&schedulerCall{Request: r, sim: s.sim, region: s.sim.region(r.Caller.AccountID, r.Region), name: name})
	if refused != nil {
		return Answer{}, refused
	}
	body, err := json.Marshal(output)
	if err != nil {
		return Answer{}, serverError("InternalServerException", err.Error())
	}
	return Answer{Status: http.StatusOK, ContentType: "application/json", Body: body}, nil
}

func (s *schedulerService) Refuse(_ *Request, err *APIError) Answer {
	body, _ := json.Marshal(map[string]string{"Message": err.Message}) // strings cannot fail
	return Answer{Status: err.Status, ContentType: "application/json", Body: body, Header: http.Header{"X-Amzn-Errortype": {err.Code}}}
}

// notAuthorized is IAM's refusal in a service that speaks JSON ("Troubleshooting access denied
// error messages", IAM User Guide).
func notAuthorized(caller, action, resource string) *APIError {
	return &APIError{Status: http.StatusForbidden, Code: "AccessDeniedException", Message: "User: " + caller +
		" is not authorized to perform: " + action + " on resource: " + resource + " because no identity-based policy allows the " + action + " action"}
}

// The errors of the service and their HTTP status are those of its model; the words are not
// documented, but where a comment says so.

func (c *schedulerCall) noSchedule(name string) *APIError {
	return &APIError{Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: "Schedule " + name + " does not exist."}
}

func (c *schedulerCall) noGroup(name string) *APIError {
	return &APIError{Status: http.StatusNotFound, Code: "ResourceNotFoundException", Message: "Schedule group " + name + " does not exist."}
}

func scheduleConflict(message string) *APIError {
	return &APIError{Status: http.StatusConflict, Code: "ConflictException", Message: message}
}

// badMember is AWS's general form of a member that breaks the constraints of the model.
func badMember(member, value, constraint string) *APIError {
	return refuse("ValidationException", "1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

// decode reads the body. Members that the model does not know are refused, which AWS does not
// promise: a test must not pass on a member with a slip in its name.
func (c *schedulerCall) decode(into any) *APIError {
	decoder := json.NewDecoder(strings.NewReader(string(c.Body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return refuse("ValidationException", "%s", err.Error())
	}
	return nil
}

// scheduleGroup is a schedule group.
type scheduleGroup struct {
	name, token string
	made        float64
}

func (c *schedulerCall) groupARN(name string) string {
	return "arn:aws:scheduler:" + c.region.geo.name + ":" + c.region.account.id + ":schedule-group/" + name
}

// group finds a group; "default" is in every account ("Managing a schedule group", User Guide).
func (r *Region) scheduleGroup(name string) *scheduleGroup {
	if r.scheduleGroups == nil {
		r.scheduleGroups = map[string]*scheduleGroup{"default": {name: "default", made: float64(worldBegan.Unix())}}
	}
	return r.scheduleGroups[name]
}

func (c *schedulerCall) createGroup() (any, *APIError) {
	var asked struct {
		ClientToken string
		Tags        []struct{ Key, Value string }
	}
	if refused := c.decode(&asked); refused != nil {
		return nil, refused
	}
	if !scheduleName.MatchString(c.name) || len(c.name) > maxScheduleName {
		return nil, badMember("name", c.name, "Member must satisfy regular expression pattern: ^[0-9a-zA-Z-_.]+$")
	}
	if found := c.region.scheduleGroup(c.name); found != nil && (asked.ClientToken == "" || found.token != asked.ClientToken) {
		return nil, scheduleConflict("Schedule group " + c.name + " already exists.")
	}
	c.region.scheduleGroups[c.name] = &scheduleGroup{name: c.name, token: asked.ClientToken, made: float64(c.sim.now().Unix())}
	return map[string]any{"ScheduleGroupArn": c.groupARN(c.name)}, nil
}

func (c *schedulerCall) getGroup() (any, *APIError) {
	found := c.region.scheduleGroup(c.name)
	if found == nil {
		return nil, c.noGroup(c.name)
	}
	return map[string]any{"Arn": c.groupARN(c.name), "Name": c.name, "State": "ACTIVE", "CreationDate": found.made, "LastModificationDate": found.made}, nil
}

// deleteGroup takes the schedules of the group with it ("DeleteScheduleGroup", API reference).
func (c *schedulerCall) deleteGroup() (any, *APIError) {
	switch {
	case c.region.scheduleGroup(c.name) == nil:
		return nil, c.noGroup(c.name)
	case c.name == "default":
		return nil, refuse("ValidationException", "The default schedule group cannot be deleted.")
	}
	delete(c.region.scheduleGroups, c.name)
	for _, s := range c.region.schedulesIn(c.name) {
		c.region.dropSchedule(s)
	}
	return map[string]any{}, nil
}
