package aws

import (
	"encoding/json"
	"fmt"
)

// askScheduler are the questions about a request to EventBridge Scheduler: the schedule, and
// the role that its target gets (Service Authorization Reference, "Amazon EventBridge
// Scheduler"; EventBridge Scheduler User Guide, "Setting up the execution role").
func (s *Simulator) askScheduler(r *Request, action string) []question {
	collection, name := schedulerPath(r)
	if collection != "schedules/" {
		return []question{{action, "*", nil}}
	}
	var body struct {
		GroupName string
		Target    struct{ RoleArn string }
	}
	_ = json.Unmarshal(r.Body, &body) // a request without body says nothing
	group := firstText(body.GroupName, r.Params.Get("groupName"), "default")
	out := []question{{action, fmt.Sprintf("arn:aws:scheduler:%s:%s:schedule/%s/%s", r.Region, r.Caller.AccountID, group, name), nil}}
	if role := body.Target.RoleArn; role != "" {
		out = append(out, question{"iam:PassRole", role, map[string]string{"iam:PassedToService": "scheduler.amazonaws.com"}})
	}
	return out
}
