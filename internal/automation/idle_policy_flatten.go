package automation

import (
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/monitoring"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// flatten puts the alarms into a model and returns, in words, what about them
// the arguments cannot tell. stop or warn may be nil, which is told too.
func (m *policyModel) flatten(stop, warn *monitoring.Alarm, region, partition string) []string {
	var off []string
	m.AlarmName, m.Region = types.StringValue(stopAlarmName(m.WorkerID.ValueString())), types.StringValue(region)
	m.AlarmARN, m.AlarmState, m.WarningAlarmARN = types.StringNull(), types.StringNull(), types.StringNull()
	if stop == nil {
		off = append(off, "the alarm that stops the worker is gone")
	} else {
		m.AlarmARN, m.AlarmState = attribute.String(stop.ARN), attribute.String(stop.State)
		m.SNSTopicARN = attribute.String(topicOf(stop.Actions))
		if signal, idle, percent, known := watched(stop.Trigger); known {
			m.Signal, m.IdleThreshold = types.StringValue(signal), keepDuration(m.IdleThreshold, idle)
			m.CPUThresholdPercent = types.Float64Null()
			if signal == signalCPU {
				m.CPUThresholdPercent = types.Float64Value(percent)
			}
		}
	}
	if warn == nil {
		m.IdleWarning = types.StringNull()
	} else {
		m.WarningAlarmARN = attribute.String(warn.ARN)
		if _, idle, _, known := watched(warn.Trigger); known {
			m.IdleWarning = keepDuration(m.IdleWarning, idle)
		}
	}
	// What is left must be what a policy of these arguments makes.
	p := m.expand(region, partition)
	for _, pair := range []struct {
		what      string
		has, want *monitoring.Alarm
	}{{"the alarm that stops the worker", stop, p.stop()}, {"the alarm that warns before", warn, p.warn()}} {
		if pair.has != nil && pair.want != nil {
			if d := deviations(pair.has, pair.want); len(d) > 0 {
				off = append(off, pair.what+": "+strings.Join(d, ", "))
			}
		}
	}
	return off
}

// keepDuration is a duration as the state writes it if that means the same,
// else in the shortest way.
func keepDuration(written types.String, d time.Duration) types.String {
	if !written.IsNull() && !written.IsUnknown() && duration(written) == d {
		return written
	}
	return types.StringValue(validators.ShortDuration(d))
}
