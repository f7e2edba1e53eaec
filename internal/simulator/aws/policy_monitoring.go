package aws

import (
	"encoding/json"
	"fmt"
)

// askMonitoring are the questions about a request to CloudWatch: the alarms that it names
// (Service Authorization Reference, "Amazon CloudWatch"); metrics are no resources.
func (s *Simulator) askMonitoring(r *Request, action string) []question {
	op, ok := monitoringOperations[r.Operation]
	if !ok {
		return []question{{action, "*", nil}}
	}
	in := op.input()
	var asked struct {
		AlarmName, ResourceARN, Namespace string
		AlarmNames                        []string
	}
	// What cannot be read is refused as such later.
	if readInput(r, in) == nil {
		if text, err := json.Marshal(in); err == nil {
			_ = json.Unmarshal(text, &asked)
		}
	}
	keys := map[string]string{"cloudwatch:namespace": asked.Namespace}
	alarm := func(name string) question {
		return question{action, fmt.Sprintf("arn:aws:cloudwatch:%s:%s:alarm:%s", r.Region, r.Caller.AccountID, name), keys}
	}
	var out []question
	switch {
	case r.Operation == "DescribeAlarms": // of whichever alarms, in the words of its refusals
		return []question{alarm("*")}
	case asked.ResourceARN != "":
		return []question{{action, asked.ResourceARN, keys}}
	case r.Operation == "PutMetricAlarm", r.Operation == "SetAlarmState":
		return []question{alarm(asked.AlarmName)}
	}
	for _, name := range asked.AlarmNames {
		out = append(out, alarm(name))
	}
	if len(out) == 0 {
		out = append(out, question{action, "*", keys})
	}
	return out
}
