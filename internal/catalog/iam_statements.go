package catalog

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/pricing"
	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// iamFeature is what the provider can be allowed to do, and the actions that
// it then calls.
type iamFeature struct {
	name string
	// ec2 are actions of EC2, without its prefix.
	ec2 []string
	// passesRole: an instance profile is handed to EC2. encrypts: volumes may
	// be encrypted with a key of the account.
	passesRole, encrypts bool
	// others are actions of other services.
	others []string
	what   string
}

// iamFeatures are the features of this provider, in the order of a worker's life.
var iamFeatures = []iamFeature{
	{name: "read", what: "refresh, plans, data sources and lists", ec2: []string{
		"DescribeAddresses", "DescribeIamInstanceProfileAssociations", "DescribeImages", "DescribeInstanceAttribute", "DescribeInstances",
		"DescribeInstanceStatus", "DescribeInstanceTypeOfferings", "DescribeInstanceTypes", "DescribeRegions", "DescribeSecurityGroupRules",
		"DescribeSecurityGroups", "DescribeSnapshots", "DescribeSpotInstanceRequests", "DescribeSubnets", "DescribeVolumes", "DescribeVolumesModifications"}},
	{name: "create", what: "launch of `cml_worker`, with instance profile, encryption and spot", passesRole: true, encrypts: true,
		ec2: []string{"CreateTags", "RunInstances"}, others: []string{"iam:CreateServiceLinkedRole"}},
	{name: "change", what: "changes of `cml_worker` in place, those that stop it included", passesRole: true, encrypts: true, ec2: []string{
		"AssignIpv6Addresses", "AssociateIamInstanceProfile", "CreateTags", "DeleteTags", "DisassociateIamInstanceProfile", "ModifyInstanceAttribute",
		"ModifyInstanceCpuOptions", "ModifyInstanceMetadataOptions", "ModifyNetworkInterfaceAttribute", "ModifyVolume", "MonitorInstances",
		"ReplaceIamInstanceProfileAssociation", "StartInstances", "StopInstances", "UnassignIpv6Addresses", "UnmonitorInstances"}},
	{name: "power", what: "`cml_worker_power`", encrypts: true, ec2: []string{"CreateTags", "DeleteTags", "RebootInstances", "StartInstances", "StopInstances"}},
	{name: "delete", what: "tags of a registration by `cml_worker_license`, and destroy of `cml_worker` and `cml_worker_license`, protection that is overridden and a start for the licence included; the action `cml_worker_license_deregister`", encrypts: true, ec2: []string{
		"CancelSpotInstanceRequests", "CreateTags", "DeleteTags", "DisassociateAddress", "ModifyInstanceAttribute", "ReleaseAddress", "StartInstances", "StopInstances",
		"TerminateInstances"}},
	{name: "eip", what: "Elastic IPs that a worker allocates or takes", ec2: []string{
		"AllocateAddress", "AssociateAddress", "CreateTags", "DisassociateAddress", "ReleaseAddress"}},
	{name: "snapshot", what: "`cml_worker_snapshot`, the resource and the action, and the final snapshot of a destroy", encrypts: true, ec2: []string{
		"CreateSnapshots", "CreateTags", "DeleteSnapshot", "DeleteTags", "StartInstances", "StopInstances"}},
	{name: "schedule", what: "`cml_worker_schedule`, with the role that its schedules assume", ec2: []string{"CreateTags", "DeleteTags"},
		others: []string{"scheduler:CreateSchedule"}},
	{name: "metrics", what: "`cml_worker_metrics`", others: []string{"cloudwatch:GetMetricData"}},
	{name: "publish_metrics", what: "the action `cml_worker_publish_metrics`", others: []string{"cloudwatch:PutMetricData"}},
	{name: "idle_policy", what: "`cml_worker_idle_policy`, with the role that lets alarms act on EC2", ec2: []string{"CreateTags", "DeleteTags"},
		others: []string{"cloudwatch:PutMetricAlarm"}},
	{name: "diagnose", what: "console output in the text of a time-out", ec2: []string{"GetConsoleOutput"}},
	{name: "quota_check", what: "`guardrails.quota_check`; without this, plans warn that the quota could not be read, unless the check is `off`", others: []string{"servicequotas:GetServiceQuota"}},
	{name: "cost", what: "prices: `hourly_cost_estimate`, `cml_worker_cost`, `guardrails.max_hourly_cost`, `annotate = [\"cost\"]` of `cml_worker_dashboard` and the order of `cml_instance_types`",
		ec2: []string{"DescribeNetworkInterfaceAttribute", "DescribeSpotPriceHistory"}, others: []string{"pricing:GetProducts"}},
	{name: "secrets", what: "`controller.credentials`", others: []string{"secretsmanager:GetSecretValue", "ssm:GetParameter"}},
	{name: "publisher", what: "not Terraform but a worker itself with `publisher` of the function `cloud_init`: for the role of its instance profile, alone",
		others: []string{"cloudwatch:PutMetricData", "secretsmanager:GetSecretValue", "ssm:GetParameter"}},
}

func iamFeatureNames() []string {
	out := make([]string, len(iamFeatures))
	for i, f := range iamFeatures {
		out[i] = f.name
	}
	return out
}

// iamRequest is the arguments in plain Go.
type iamRequest struct {
	features, regions             []string
	partition                     string
	roleARNs, secretARNs, keyARNs []string
	// tagKey and tagValue are the marker tag; "" asks for none.
	tagKey, tagValue string
}

// iamStatement is a statement of a policy.
type iamStatement struct {
	Sid       string                         `json:"Sid"`
	Effect    string                         `json:"Effect"`
	Action    []string                       `json:"Action"`
	Resource  []string                       `json:"Resource"`
	Condition map[string]map[string][]string `json:"Condition,omitempty"`
}

// condition adds to the conditions of a statement.
func (s *iamStatement) condition(operator, key string, values ...string) {
	if s.Condition == nil {
		s.Condition = map[string]map[string][]string{}
	}
	if s.Condition[operator] == nil {
		s.Condition[operator] = map[string][]string{}
	}
	s.Condition[operator][key] = values
}

// policyJSON is the document, its statements and actions in a settled order.
func policyJSON(r iamRequest) (string, error) {
	raw, err := json.MarshalIndent(struct {
		Version   string         `json:"Version"`
		Statement []iamStatement `json:"Statement"`
	}{"2012-10-17", statements(r)}, "", "  ")
	return string(raw), err
}

// statements puts the features together.
func statements(r iamRequest) []iamStatement {
	var all iamFeature
	for _, f := range iamFeatures {
		if !slices.Contains(r.features, f.name) {
			continue
		}
		all.ec2, all.others = append(all.ec2, f.ec2...), append(all.others, f.others...)
		all.passesRole, all.encrypts = all.passesRole || f.passesRole, all.encrypts || f.encrypts
	}
	slices.Sort(all.ec2)
	all.ec2 = slices.Compact(all.ec2)
	slices.Sort(all.others)
	all.others = slices.Compact(all.others)
	out := ec2Statements(all.ec2, r)
	if all.passesRole {
		s := iamStatement{Sid: "PassRole", Action: []string{"iam:PassRole"}, Resource: anyOr(r.roleARNs, "arn:"+r.partition+":iam::*:role/*")}
		s.condition("StringEquals", "iam:PassedToService", "ec2."+domain(r.partition))
		out = append(out, s)
	}
	if all.encrypts {
		keys := anyOr(r.keyARNs, "arn:"+r.partition+":kms:*:*:key/*")
		use := iamStatement{Sid: "EncryptVolumes", Action: []string{"kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKeyWithoutPlaintext"}, Resource: keys}
		use.condition("StringLike", "kms:ViaService", "ec2.*."+domain(r.partition))
		grant := iamStatement{Sid: "GrantVolumes", Action: []string{"kms:CreateGrant"}, Resource: keys}
		grant.condition("StringLike", "kms:ViaService", "ec2.*."+domain(r.partition))
		grant.condition("Bool", "kms:GrantIsForAWSResource", "true")
		out = append(out, use, grant)
	}
	out = append(out, otherStatements(all.others, r)...)
	for i := range out {
		out[i].Effect = "Allow"
		// IAM has no region, and passing a role is judged where the role is used.
		if len(r.regions) > 0 && !strings.HasPrefix(out[i].Action[0], "iam:") && !strings.HasPrefix(out[i].Action[0], "pricing:") {
			out[i].condition("StringEquals", "aws:RequestedRegion", r.regions...)
		}
	}
	return out
}

func otherStatements(actions []string, r iamRequest) []iamStatement {
	var out []iamStatement
	for _, action := range actions {
		switch action {
		case "iam:CreateServiceLinkedRole":
			s := iamStatement{Sid: "SpotRole", Action: []string{action}, Resource: []string{"arn:" + r.partition + ":iam::*:role/aws-service-role/spot.amazonaws.com/*"}}
			s.condition("StringEquals", "iam:AWSServiceName", "spot.amazonaws.com")
			out = append(out, s)
		case "cloudwatch:PutMetricData":
			s := iamStatement{Sid: "Metrics", Action: []string{action}, Resource: []string{"*"}} // metrics are no resources
			s.condition("StringEquals", "cloudwatch:namespace", publisher.Namespace)
			out = append(out, s)
		case "scheduler:CreateSchedule":
			pass := iamStatement{Sid: "PassScheduleRole", Action: []string{"iam:PassRole"}, Resource: anyOr(r.roleARNs, "arn:"+r.partition+":iam::*:role/*")}
			// The same in every partition, unlike EC2's.
			pass.condition("StringEquals", "iam:PassedToService", "scheduler.amazonaws.com")
			out = append(out, iamStatement{Sid: "Schedules", Action: []string{action, "scheduler:DeleteSchedule", "scheduler:GetSchedule", "scheduler:UpdateSchedule"},
				Resource: []string{"arn:" + r.partition + ":scheduler:*:*:schedule/*/*"}}, pass)
		case "cloudwatch:GetMetricData":
			out = append(out, iamStatement{Sid: "ReadMetrics", Action: []string{action, "cloudwatch:ListMetrics"}, Resource: []string{"*"}})
		case "cloudwatch:PutMetricAlarm":
			role := iamStatement{Sid: "AlarmRole", Action: []string{"iam:CreateServiceLinkedRole"}, Resource: []string{"arn:" + r.partition + ":iam::*:role/aws-service-role/events.amazonaws.com/*"}}
			role.condition("StringEquals", "iam:AWSServiceName", "events.amazonaws.com")
			alarms := "arn:" + r.partition + ":cloudwatch:*:*:alarm:"
			out = append(out, iamStatement{Sid: "Alarms", Action: []string{"cloudwatch:DeleteAlarms", "cloudwatch:ListTagsForResource",
				action, "cloudwatch:SetAlarmState", "cloudwatch:TagResource", "cloudwatch:UntagResource"}, Resource: []string{alarms + "cml-idle-*"}},
				// CloudWatch asks IAM about all alarms, whichever the request names.
				iamStatement{Sid: "LookAtAlarms", Action: []string{"cloudwatch:DescribeAlarms"}, Resource: []string{alarms + "*"}}, role)
		case "servicequotas:GetServiceQuota":
			out = append(out, iamStatement{Sid: "Quotas", Action: []string{action}, Resource: []string{"*"}})
		case "pricing:GetProducts":
			s := iamStatement{Sid: "Prices", Action: []string{action}, Resource: []string{"*"}}
			var lists []string // the price list is served in regions of its own
			for _, region := range r.regions {
				if list := pricing.ListRegion(region); list != "" {
					lists = append(lists, list)
				}
			}
			if len(lists) > 0 {
				slices.Sort(lists)
				s.condition("StringEquals", "aws:RequestedRegion", slices.Compact(lists)...)
			}
			if len(lists) > 0 || len(r.regions) == 0 {
				out = append(out, s)
			}
		case "secretsmanager:GetSecretValue":
			if arns := of(r.secretARNs, ":secretsmanager:"); len(r.secretARNs) == 0 || len(arns) > 0 {
				out = append(out, iamStatement{Sid: "Secrets", Action: []string{action}, Resource: anyOr(arns, "arn:"+r.partition+":secretsmanager:*:*:secret:*")})
			}
		case "ssm:GetParameter":
			if arns := of(r.secretARNs, ":ssm:"); len(r.secretARNs) == 0 || len(arns) > 0 {
				out = append(out, iamStatement{Sid: "Parameters", Action: []string{action}, Resource: anyOr(arns, "arn:"+r.partition+":ssm:*:*:parameter/*")})
			}
			s := iamStatement{Sid: "DecryptSecrets", Action: []string{"kms:Decrypt"}, Resource: anyOr(r.keyARNs, "arn:"+r.partition+":kms:*:*:key/*")}
			s.condition("StringLike", "kms:ViaService", "secretsmanager.*."+domain(r.partition), "ssm.*."+domain(r.partition))
			out = append(out, s)
		}
	}
	return out
}

// The kinds of resource that carry the marker tag from their birth, by the
// action that makes them (Service Authorization Reference, Amazon EC2).
var taggedAtBirth = map[string][]string{
	"RunInstances":    {"instance/*", "network-interface/*", "spot-instances-request/*", "volume/*"},
	"AllocateAddress": {"elastic-ip/*"},
	"CreateSnapshots": {"snapshot/*"},
}

// What those actions touch beside, which is not the worker's own.
var launchedFrom = []string{"image/*", "key-pair/*", "security-group/*", "snapshot/*", "subnet/*"}

// ec2Statements are those of EC2. With tags asked for, what changes something is
// allowed on resources with the marker tag only, and what makes something only
// when it is made with that tag.
func ec2Statements(actions []string, r iamRequest) []iamStatement {
	if len(actions) == 0 {
		return nil
	}
	if r.tagKey == "" {
		return []iamStatement{{Sid: "Workers", Action: prefixed(actions), Resource: []string{"*"}}}
	}
	var look, change, birth []string
	for _, a := range actions {
		switch {
		case strings.HasPrefix(a, "Describe"), strings.HasPrefix(a, "Get"):
			look = append(look, a)
		case taggedAtBirth[a] != nil:
			birth = append(birth, a)
		default:
			change = append(change, a)
		}
	}
	var out []iamStatement
	if len(look) > 0 {
		out = append(out, iamStatement{Sid: "Look", Action: prefixed(look), Resource: []string{"*"}})
	}
	for _, a := range birth {
		s := iamStatement{Sid: "New" + a, Action: prefixed([]string{a}), Resource: r.arns(taggedAtBirth[a]...)}
		s.condition("StringEquals", "aws:RequestTag/"+r.tagKey, r.tagValue)
		out = append(out, s)
	}
	if slices.Contains(birth, "RunInstances") {
		out = append(out, iamStatement{Sid: "LaunchFrom", Action: []string{"ec2:RunInstances"}, Resource: r.arns(launchedFrom...)})
	}
	if slices.Contains(birth, "CreateSnapshots") {
		s := iamStatement{Sid: "SnapshotOf", Action: []string{"ec2:CreateSnapshots"}, Resource: r.arns("instance/*", "volume/*")}
		s.condition("StringEquals", "aws:ResourceTag/"+r.tagKey, r.tagValue)
		out = append(out, s)
	}
	if len(birth) > 0 {
		s := iamStatement{Sid: "TagNew", Action: []string{"ec2:CreateTags"}, Resource: []string{"*"}}
		s.condition("StringEquals", "ec2:CreateAction", birth...)
		s.condition("StringEquals", "aws:RequestTag/"+r.tagKey, r.tagValue)
		out = append(out, s)
	}
	if len(change) > 0 {
		s := iamStatement{Sid: "Change", Action: prefixed(change), Resource: []string{"*"}}
		s.condition("StringEquals", "aws:ResourceTag/"+r.tagKey, r.tagValue)
		out = append(out, s)
	}
	// Other security groups for a worker: they are somebody else's, without tag.
	if groups := slices.DeleteFunc(slices.Clone(change), func(a string) bool {
		return a != "ModifyInstanceAttribute" && a != "ModifyNetworkInterfaceAttribute"
	}); len(groups) > 0 {
		out = append(out, iamStatement{Sid: "ChooseGroups", Action: prefixed(groups), Resource: r.arns("security-group/*")})
	}
	return out
}

// arns are resources of EC2; images and snapshots may belong to nobody or others.
func (r iamRequest) arns(kinds ...string) []string {
	out := make([]string, len(kinds))
	for i, kind := range kinds {
		out[i] = "arn:" + r.partition + ":ec2:*:*:" + kind
	}
	return out
}

func prefixed(actions []string) []string {
	out := make([]string, len(actions))
	for i, a := range actions {
		out[i] = "ec2:" + a
	}
	return out
}

func anyOr(arns []string, otherwise string) []string {
	if len(arns) == 0 {
		return []string{otherwise}
	}
	out := slices.Clone(arns)
	slices.Sort(out)
	return out
}

func of(arns []string, service string) []string {
	return slices.DeleteFunc(slices.Clone(arns), func(arn string) bool { return !strings.Contains(arn, service) })
}

// domain is that of service names in conditions.
func domain(partition string) string {
	if partition == "aws-cn" {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}

// partitions are the beginnings of regions' names outside "aws" (AWS's
// partition list).
var partitions = map[string]string{
	"cn-": "aws-cn", "us-gov-": "aws-us-gov", "us-iso-": "aws-iso", "us-isob-": "aws-iso-b", "us-isof-": "aws-iso-f",
	"eu-isoe-": "aws-iso-e", "eusc-": "aws-eusc",
}

func partitionOf(region string) string {
	for _, prefix := range slices.Sorted(maps.Keys(partitions)) {
		if strings.HasPrefix(region, prefix) {
			return partitions[prefix]
		}
	}
	return "aws"
}
