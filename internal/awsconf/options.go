// Package awsconf turns the provider's AWS arguments into SDK configurations,
// one per region, with one set of credentials for a run. Nothing is looked up
// before something asks. It is the only importer of aws-sdk-go-base and of
// STS, and it wraps the SDK's retryer.
package awsconf

import (
	"context"
	"time"
)

// DefaultMaxRetries is how often a request is tried where nobody says
// otherwise, as in provider "aws".
const DefaultMaxRetries = 25

// Service names an AWS service as the block `endpoints` does.
type Service string

// The services that this provider uses.
const (
	CloudWatch     Service = "cloudwatch"
	EC2            Service = "ec2"
	IAM            Service = "iam"
	Pricing        Service = "pricing"
	Scheduler      Service = "scheduler"
	SecretsManager Service = "secretsmanager"
	ServiceQuotas  Service = "servicequotas"
	SSM            Service = "ssm"
	SSO            Service = "sso"
	STS            Service = "sts"
)

// Services returns the services in alphabetical order.
func Services() []Service {
	return []Service{CloudWatch, EC2, IAM, Pricing, Scheduler, SecretsManager, ServiceQuotas, SSM, SSO, STS}
}

// Options are the AWS arguments of the provider block, by the names and with
// the meaning that provider "aws" gives them. Zero members are not set; the
// environment and the shared files then speak, as the SDK reads them.
type Options struct {
	AccessKey, SecretKey, Token string
	Profile                     string
	SharedConfigFiles           []string
	SharedCredentialsFiles      []string
	Region                      string

	// AssumeRole is a chain: each role is assumed with the credentials of the
	// one before.
	AssumeRole                []AssumeRole
	AssumeRoleWithWebIdentity *WebIdentity

	AllowedAccountIDs, ForbiddenAccountIDs []string

	// CustomCABundle is the path of a file.
	CustomCABundle string
	Insecure       bool
	// HTTPProxy and HTTPSProxy: nil takes the environment's, "" means none.
	HTTPProxy, HTTPSProxy *string
	NoProxy               string

	// Endpoints replace the endpoints of services.
	Endpoints map[Service]string

	// MaxRetries is how often a request is tried at most; nil means
	// AWS_MAX_ATTEMPTS or max_attempts of the profile, else DefaultMaxRetries.
	// 0 means once, as 1 does.
	MaxRetries                     *int
	RetryMode                      string // "standard" or "adaptive"
	TokenBucketRateLimiterCapacity int

	UseFIPSEndpoint, UseDualStackEndpoint bool
	STSRegion                             string

	EC2MetadataServiceEndpoint     string
	EC2MetadataServiceEndpointMode string // "IPv4" or "IPv6"
	// SkipMetadataAPICheck: true never asks the metadata service, false asks it
	// even where the environment says not to, nil leaves it to the SDK.
	SkipMetadataAPICheck *bool

	SkipCredentialsValidation bool
	SkipRegionValidation      bool
	SkipRequestingAccountID   bool

	// Version is the provider's, for the user agent.
	Version string

	// ExplainRegion is asked when a call failed in a way that a region which
	// does not exist, or is not opted in, would explain. It returns the better
	// error, or nil when it has none. nil asks nobody.
	ExplainRegion func(ctx context.Context, region string) error
}

// AssumeRole is one role of the chain (STS AssumeRole).
type AssumeRole struct {
	RoleARN           string
	Duration          time.Duration
	ExternalID        string
	Policy            string
	PolicyARNs        []string
	SessionName       string
	SourceIdentity    string
	Tags              map[string]string
	TransitiveTagKeys []string
}

// WebIdentity is a role assumed with a web identity token (STS
// AssumeRoleWithWebIdentity). One of Token and TokenFile is set.
type WebIdentity struct {
	RoleARN     string
	Duration    time.Duration
	Policy      string
	PolicyARNs  []string
	SessionName string
	Token       string
	TokenFile   string
}

// Identity is who the credentials belong to.
type Identity struct {
	// AccountID and ARN are empty when the provider was told not to ask.
	AccountID, ARN string
	// Partition is "aws", "aws-cn", …: that of the ARN, or of the region.
	Partition string
}
