package awsconf

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Factory makes SDK configurations. It is safe for concurrent use.
type Factory struct {
	opts     Options
	settings *Lazy[settings]
	identity *Lazy[Identity]
	here     *Lazy[string] // the region of this machine

	mu sync.Mutex
	// bases holds one configuration with credentials for each region that
	// served to get them: one, unless the provider has no region of its own.
	bases map[string]*Lazy[aws.Config]
	// home is the first region asked for by name.
	home string
}

// New returns a factory. It reads and asks nothing.
func New(o Options) *Factory {
	f := &Factory{opts: o, bases: map[string]*Lazy[aws.Config]{}}
	f.settings = NewLazy(f.loadSettings)
	f.identity = NewLazy(f.loadIdentity)
	f.here = NewLazy(f.loadHere)
	return f
}

// Region returns the provider's own region: its argument, else AWS_REGION,
// AWS_DEFAULT_REGION or the profile's; failing those, where nothing but the
// role of an instance can give credentials, the region of that instance. Only
// the last makes a request.
func (f *Factory) Region(ctx context.Context) (string, error) {
	s, err := f.settings.Get(ctx)
	if err != nil || s.region != "" {
		return s.region, err
	}
	if s.ownCredentials {
		return "", missingRegion()
	}
	return f.here.Get(ctx)
}

// Endpoint returns the endpoint that the configuration gives for a service,
// or "". It beats the environment's and the profile's.
func (f *Factory) Endpoint(s Service) string { return f.opts.Endpoints[s] }

// Config returns the configuration for a region; "" is the provider's own. The
// first call looks the credentials up. Its own errors are *Error.
func (f *Factory) Config(ctx context.Context, region string) (aws.Config, error) {
	if region == "" {
		var err error
		if region, err = f.Region(ctx); err != nil {
			return aws.Config{}, err
		}
	}
	base, err := f.credentialed(ctx, region)
	if err != nil {
		return aws.Config{}, err
	}
	cfg := base.Copy()
	cfg.Region = region
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), f.explainRegion(region))
	return cfg, nil
}

// Identity returns the caller's identity, from one GetCallerIdentity per run,
// and refuses an account that allowed_account_ids or forbidden_account_ids
// exclude. Where both skip_credentials_validation and
// skip_requesting_account_id are set nothing is asked, and only the partition
// is known. Its own errors are *Error.
func (f *Factory) Identity(ctx context.Context) (Identity, error) { return f.identity.Get(ctx) }

// credentialed returns the configuration that all regions share. Where the
// provider has no region of its own, the first region asked for serves STS.
func (f *Factory) credentialed(ctx context.Context, region string) (aws.Config, error) {
	s, err := f.settings.Get(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	if s.region != "" {
		return f.base(ctx, s.region)
	}
	f.mu.Lock()
	if f.home == "" {
		f.home = region
	}
	region = f.home
	f.mu.Unlock()
	if region == "" {
		if region, err = f.Region(ctx); err != nil {
			return aws.Config{}, err
		}
	}
	return f.base(ctx, region)
}

func (f *Factory) base(ctx context.Context, region string) (aws.Config, error) {
	f.mu.Lock()
	lazy, ok := f.bases[region]
	if !ok {
		lazy = NewLazy(func(ctx context.Context) (aws.Config, error) { return f.loadBase(ctx, region) })
		f.bases[region] = lazy
	}
	f.mu.Unlock()
	return lazy.Get(ctx)
}

func (f *Factory) loadBase(ctx context.Context, region string) (aws.Config, error) {
	s, err := f.settings.Get(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	_, cfg, diags := awsbase.GetAwsConfig(ctx, f.sdkOptions(region, s))
	if ctx.Err() != nil {
		return aws.Config{}, context.Cause(ctx)
	}
	if err := f.fromDiagnostics(diags); err != nil {
		return aws.Config{}, err
	}
	wrapRetryer(&cfg)
	cfg.APIOptions = append(cfg.APIOptions, PlainBodies)
	return cfg, nil
}

// sdkOptions says the options in the words of aws-sdk-go-base. What it would
// validate itself is done here, lazily and once.
func (f *Factory) sdkOptions(region string, s settings) *awsbase.Config {
	o := f.opts
	c := &awsbase.Config{
		AccessKey:                      o.AccessKey,
		SecretKey:                      o.SecretKey,
		Token:                          o.Token,
		Profile:                        o.Profile,
		SharedConfigFiles:              o.SharedConfigFiles,
		SharedCredentialsFiles:         o.SharedCredentialsFiles,
		Region:                         region,
		CallerName:                     "Terraform provider for CML workers",
		CallerDocumentationURL:         "https://registry.terraform.io/providers/cml-infra/cml",
		CustomCABundle:                 o.CustomCABundle,
		Insecure:                       o.Insecure,
		HTTPProxy:                      o.HTTPProxy,
		HTTPSProxy:                     o.HTTPSProxy,
		HTTPProxyMode:                  awsbase.HTTPProxyModeLegacy,
		NoProxy:                        o.NoProxy,
		IamEndpoint:                    o.Endpoints[IAM],
		SsoEndpoint:                    o.Endpoints[SSO],
		StsEndpoint:                    o.Endpoints[STS],
		StsRegion:                      o.STSRegion,
		RetryMode:                      aws.RetryMode(o.RetryMode),
		TokenBucketRateLimiterCapacity: o.TokenBucketRateLimiterCapacity,
		UseFIPSEndpoint:                o.UseFIPSEndpoint,
		UseDualStackEndpoint:           o.UseDualStackEndpoint,
		EC2MetadataServiceEndpoint:     o.EC2MetadataServiceEndpoint,
		EC2MetadataServiceEndpointMode: o.EC2MetadataServiceEndpointMode,
		EC2MetadataServiceEnableState:  o.metadataState(),
		SkipCredsValidation:            true,
		SkipRequestingAccountId:        true,
		// Its request log would print the beginning of bodies: user data.
		SuppressDebugLog: true,
		UserAgent:        awsbase.UserAgentProducts{{Name: "terraform-provider-cml", Version: o.Version}},
	}
	switch {
	case o.MaxRetries != nil:
		c.MaxRetries = max(*o.MaxRetries, 1)
	case s.maxAttempts == 0:
		c.MaxRetries = DefaultMaxRetries
	}
	for _, r := range o.AssumeRole {
		c.AssumeRole = append(c.AssumeRole, awsbase.AssumeRole(r))
	}
	if w := o.AssumeRoleWithWebIdentity; w != nil {
		c.AssumeRoleWithWebIdentity = &awsbase.AssumeRoleWithWebIdentity{
			RoleARN: w.RoleARN, Duration: w.Duration, Policy: w.Policy, PolicyARNs: w.PolicyARNs,
			SessionName: w.SessionName, WebIdentityToken: w.Token, WebIdentityTokenFile: w.TokenFile,
		}
	}
	return c
}

func (f *Factory) loadIdentity(ctx context.Context) (Identity, error) {
	o := f.opts
	cfg, err := f.credentialed(ctx, "")
	if err != nil {
		return Identity{}, err
	}
	if o.SkipCredentialsValidation && o.SkipRequestingAccountID {
		return Identity{Partition: partitionOf(cfg.Region)}, nil
	}
	client := sts.NewFromConfig(cfg, func(so *sts.Options) {
		if o.STSRegion != "" {
			so.Region = o.STSRegion
		}
		if e := o.Endpoints[STS]; e != "" {
			so.BaseEndpoint = aws.String(e)
		}
	})
	out, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		if ctx.Err() != nil {
			return Identity{}, context.Cause(ctx)
		}
		if better := f.betterError(ctx, err, orDefault(o.STSRegion, cfg.Region)); !errors.Is(better, err) {
			return Identity{}, better
		}
		return Identity{}, f.identityError(err, cfg.Region)
	}
	id := Identity{AccountID: aws.ToString(out.Account), ARN: aws.ToString(out.Arn), Partition: partitionOf(cfg.Region)}
	if parsed, err := arn.Parse(id.ARN); err == nil {
		id.Partition = parsed.Partition
		if id.AccountID == "" {
			id.AccountID = parsed.AccountID
		}
	}
	return id, f.checkAccount(id)
}

func (f *Factory) identityError(err error, region string) error {
	e := because("access_key, secret_key, profile",
		"check the keys or the profile, and whether the region "+region+" is one that the account has opted in to.", err,
		"AWS does not accept the credentials")
	switch {
	case expired(e.Err):
		e.Argument, e.Message = "token", "The AWS session token has expired"
	case e.Kind == fault.Unreachable:
		e.Argument, e.Message = "endpoints.sts", "STS, which says whose credentials these are, cannot be reached"
		e.Next = "check the network, proxy and `endpoints`. For a server without STS set `skip_credentials_validation` and `skip_requesting_account_id`."
	case e.Kind != fault.Credentials:
		e.Argument, e.Message = "skip_requesting_account_id", "STS does not say whose credentials these are"
		e.Next = "for a server without STS set `skip_credentials_validation` and `skip_requesting_account_id`."
	}
	return e
}

// checkAccount holds allowed_account_ids and forbidden_account_ids against the
// account found.
func (f *Factory) checkAccount(id Identity) error {
	refuse := func(argument, why string) error {
		return NewError(argument, fault.Account, "use credentials of the right account, or correct `"+argument+"`.",
			"The credentials belong to account %s (%s), which %s", id.AccountID, id.ARN, why)
	}
	if slices.Contains(f.opts.ForbiddenAccountIDs, id.AccountID) {
		return refuse("forbidden_account_ids", "`forbidden_account_ids` excludes")
	}
	if allowed := f.opts.AllowedAccountIDs; len(allowed) > 0 && !slices.Contains(allowed, id.AccountID) {
		return refuse("allowed_account_ids", "is not among `allowed_account_ids` ("+strings.Join(allowed, ", ")+")")
	}
	return nil
}
