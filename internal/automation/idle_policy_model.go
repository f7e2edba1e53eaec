package automation

import (
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// policyModel is cml_worker_idle_policy in configuration, plan and state.
type policyModel struct {
	ID        types.String `tfsdk:"id"`
	AccountID types.String `tfsdk:"account_id"`

	WorkerID            types.String   `tfsdk:"worker_id"`
	Region              types.String   `tfsdk:"region"`
	Signal              types.String   `tfsdk:"signal"`
	IdleThreshold       types.String   `tfsdk:"idle_threshold"`
	IdleWarning         types.String   `tfsdk:"idle_warning"`
	CPUThresholdPercent types.Float64  `tfsdk:"cpu_threshold_percent"`
	SNSTopicARN         types.String   `tfsdk:"sns_topic_arn"`
	Tags                types.Map      `tfsdk:"tags"`
	TagsAll             types.Map      `tfsdk:"tags_all"`
	Timeouts            timeouts.Value `tfsdk:"timeouts"`

	AlarmName       types.String `tfsdk:"alarm_name"`
	AlarmARN        types.String `tfsdk:"alarm_arn"`
	WarningAlarmARN types.String `tfsdk:"warning_alarm_arn"`
	AlarmState      types.String `tfsdk:"alarm_state"`
}

// identity is what identifies a policy.
func (m *policyModel) identity() attribute.Identity {
	return attribute.Identity{ID: m.ID, Region: m.Region, AccountID: m.AccountID}
}

// policy is an idle policy in plain Go.
type policy struct {
	worker, region, partition string
	signal                    string
	// warning is 0 where nobody is warned.
	threshold, warning time.Duration
	percent            float64
	// topic is "" where nobody is told.
	topic string
}

// expand reads a policy off a model whose values are known. The region is that
// of the clients.
func (m *policyModel) expand(region, partition string) policy {
	p := policy{
		worker: m.WorkerID.ValueString(), region: region, partition: partition, signal: m.Signal.ValueString(),
		threshold: duration(m.IdleThreshold), warning: duration(m.IdleWarning), topic: m.SNSTopicARN.ValueString(),
	}
	if p.signal == signalCPU {
		p.percent = m.CPUThresholdPercent.ValueFloat64()
	}
	return p
}

// duration is the value of a duration that was validated; 0 for none.
func duration(s types.String) time.Duration {
	d, _ := time.ParseDuration(s.ValueString()) // checked by the schema
	return d
}
