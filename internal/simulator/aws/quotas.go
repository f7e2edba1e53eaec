package aws

import "fmt"

func newQuotaService(sim *Simulator) *jsonService {
	return &jsonService{
		sim: sim, signingName: "servicequotas", target: "ServiceQuotasV20190624", throttled: "TooManyRequestsException",
		operations: map[string]func(*jsonService, *Request) (any, *APIError){
			"GetServiceQuota": func(j *jsonService, r *Request) (any, *APIError) { return j.sim.quota(r) },
		},
	}
}

var quotaNames = map[string]string{
	QuotaStandardVCPUs: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
	QuotaSpotVCPUs:     "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
	QuotaElasticIPs:    "EC2-VPC Elastic IPs",
}

// quota is GetServiceQuota (Service Quotas API reference).
func (s *Simulator) quota(r *Request) (any, *APIError) {
	var asked struct{ ServiceCode, QuotaCode, ContextID string }
	if refused := input(r, &asked); refused != nil {
		return nil, refused
	}
	region := s.region(r.Caller.AccountID, r.Region)
	value, ok := region.quotas[asked.QuotaCode]
	if !ok || asked.ServiceCode != "ec2" {
		return nil, refuse("NoSuchResourceException", "The request failed because the specified service quota does not exist.")
	}
	return map[string]any{"Quota": map[string]any{
		"ServiceCode": "ec2", "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
		"QuotaArn":  fmt.Sprintf("arn:aws:servicequotas:%s:%s:ec2/%s", r.Region, region.account.id, asked.QuotaCode),
		"QuotaCode": asked.QuotaCode, "QuotaName": quotaNames[asked.QuotaCode], "Value": value,
		"Unit": "None", "Adjustable": true, "GlobalQuota": false,
	}}, nil
}
