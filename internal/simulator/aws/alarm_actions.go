package aws

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// The ARNs of EC2 actions ("PutMetricAlarm", AlarmActions).
var (
	automateARN = regexp.MustCompile(`^arn:aws[a-z-]*:automate:([a-z0-9-]+):ec2:(stop|terminate|reboot|recover)$`)
	workflowARN = regexp.MustCompile(`^arn:aws[a-z-]*:swf:([a-z0-9-]+):\d{12}:action/actions/AWS_EC2\.InstanceId\.(Stop|Terminate|Reboot|Recover)/1\.0$`)
	topicARN    = regexp.MustCompile(`^arn:aws[a-z-]*:sns:([a-z0-9-]+):\d{12}:[A-Za-z0-9_.-]+$`)
)

// ec2Action takes the ARN of an EC2 action apart.
func ec2Action(arn string) (region, verb string, ok bool) {
	for _, form := range []*regexp.Regexp{automateARN, workflowARN} {
		if m := form.FindStringSubmatch(arn); m != nil {
			return m[1], strings.ToLower(m[2]), true
		}
	}
	return "", "", false
}

// checkActions refuses actions that the alarm cannot have, and says whether one is of EC2.
func (c *monitoringCall) checkActions(in *putMetricAlarmInput) (ec2 bool, refused *APIError) {
	for _, arns := range [][]string{in.OKActions, in.AlarmActions, in.InsufficientDataActions} {
		if len(arns) > 5 {
			return false, invalid("An alarm may have no more than 5 actions for each state.")
		}
		for _, arn := range arns {
			region, _, isEC2 := ec2Action(arn)
			if m := topicARN.FindStringSubmatch(arn); m != nil {
				region = m[1]
			}
			switch {
			case region == "" && strings.HasPrefix(arn, "arn:"):
				return false, unsupported("the alarm action %s", arn)
			case region == "":
				return false, invalid("Invalid arn syntax: %s", arn)
			case region != c.Region:
				return false, invalid("Invalid region %s specified. Only %s is supported.", region, c.Region)
			}
			ec2 = ec2 || isEC2
		}
	}
	if ec2 && !in.ofOneInstance() {
		return false, invalid("Invalid use of EC2 action. An EC2 action can only be used if the alarm is monitoring an EC2 instance.")
	}
	return ec2, nil
}

// ofOneInstance reports whether an alarm watches a metric whose only dimension is InstanceId.
func (in *putMetricAlarmInput) ofOneInstance() bool {
	if in.MetricName == nil {
		return false
	}
	_, only := metric{Dimensions: in.Dimensions}.only("InstanceId")
	return only
}

const alarmRole = "AWSServiceRoleForCloudWatchEvents"

// needRole makes the role that carries out EC2 actions, once in an account and with the
// permissions of the caller ("Create alarms to stop, terminate, reboot, or recover an EC2
// instance", User Guide).
func (c *monitoringCall) needRole() *APIError {
	if c.region.account.alarmRole {
		return nil
	}
	const action = "iam:CreateServiceLinkedRole"
	if c.region.account.deniedAction(action) {
		return &APIError{Status: http.StatusForbidden, Code: "AccessDenied", Message: fmt.Sprintf(
			"User: %s is not authorized to perform: %s on resource: arn:aws:iam::%s:role/aws-service-role/events.amazonaws.com/%s because no identity-based policy allows the %s action",
			c.Caller.ARN, action, c.region.account.id, alarmRole, action)}
	}
	c.region.account.alarmRole = true
	return nil
}

// Notification is what an alarm sent to an SNS topic.
type Notification struct {
	TopicARN, AlarmName string
	// State is that of the alarm: OK, ALARM or INSUFFICIENT_DATA.
	State, Reason string
	At            time.Time
}

// act carries out one action and notes it in the history.
func (a *alarm) act(arn string) {
	var failed error
	if _, verb, isEC2 := ec2Action(arn); isEC2 {
		if refused := a.power(verb); refused != nil {
			failed = refused
		}
	} else {
		a.region.notifications = append(a.region.notifications, Notification{
			TopicARN: arn, AlarmName: *a.spec.AlarmName, State: a.state, Reason: a.reason, At: a.region.sim.now(),
		})
	}
	summary, data := "Successfully executed action "+arn, map[string]any{"actionState": "Succeeded", "notificationResource": arn, "stateUpdateTimestamp": a.stateUpdated.UnixMilli()}
	if failed != nil {
		summary, data["actionState"], data["error"] = "Failed to execute action "+arn, "Failed", failed.Error()
	}
	a.note("Action", summary, data)
}

// power gives the instance of the alarm an order with the service-linked role, whose policy
// is AWS's own and denies nothing that the account's users may be denied. A machine
// that is recovered comes up on other hardware with the same identity and addresses.
func (a *alarm) power(verb string) *APIError {
	id, _ := metric{Dimensions: a.spec.Dimensions}.only("InstanceId")
	operation := map[string]string{"stop": "StopInstances", "terminate": "TerminateInstances", "reboot": "RebootInstances", "recover": "RebootInstances"}[verb]
	c, op := a.region.order(operation, alarmRole+"/cloudwatch", id)
	_, refused := op.run(c)
	return refused
}
