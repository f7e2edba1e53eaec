package awsconf

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// settings is what can be known without credentials: the environment and the
// shared files.
type settings struct {
	region      string
	maxAttempts int
	// ownCredentials: keys or a profile are named, so that the credentials are
	// not those of an instance's role.
	ownCredentials bool
}

// loadSettings reads the environment and the profile. It makes no request.
func (f *Factory) loadSettings(ctx context.Context) (settings, error) {
	env, err := config.NewEnvConfig()
	if err != nil {
		return settings{}, NewError("", fault.Invalid, "correct the environment variable.", "The AWS_* environment cannot be used (%s)", err)
	}
	profile := f.opts.Profile
	if profile == "" {
		profile = env.SharedConfigProfile
	}
	shared, err := config.LoadSharedConfigProfile(ctx, orDefault(profile, "default"), func(o *config.LoadSharedConfigOptions) {
		switch {
		case len(f.opts.SharedConfigFiles) > 0:
			o.ConfigFiles = expand(f.opts.SharedConfigFiles)
		case env.SharedConfigFile != "":
			o.ConfigFiles = []string{env.SharedConfigFile}
		}
		switch {
		case len(f.opts.SharedCredentialsFiles) > 0:
			o.CredentialsFiles = expand(f.opts.SharedCredentialsFiles)
		case env.SharedCredentialsFile != "":
			o.CredentialsFiles = []string{env.SharedCredentialsFile}
		}
	})
	var missing config.SharedConfigProfileNotExistError
	switch {
	case errors.As(err, &missing):
		if profile != "" {
			return settings{}, f.profileNotFound(profile)
		}
	case err != nil:
		return settings{}, NewError("profile, shared_config_files, shared_credentials_files", fault.Credentials, "correct the profile in the shared files.",
			"The AWS profile %q cannot be used (%s)", orDefault(profile, "default"), err)
	}
	s := settings{region: env.Region, maxAttempts: env.RetryMaxAttempts}
	if s.region == "" {
		s.region = shared.Region
	}
	if s.maxAttempts == 0 {
		s.maxAttempts = shared.RetryMaxAttempts
	}
	if f.opts.Region != "" {
		s.region = f.opts.Region
	}
	s.ownCredentials = f.opts.AccessKey != "" || profile != "" || env.Credentials.HasKeys()
	return s, nil
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// expand replaces a leading "~" by the home directory, as the shell would.
func expand(files []string) []string {
	out := make([]string, len(files))
	for i, file := range files {
		out[i] = file
		if rest, ok := strings.CutPrefix(file, "~"); ok && (rest == "" || rest[0] == '/' || rest[0] == filepath.Separator) {
			if home, err := os.UserHomeDir(); err == nil {
				out[i] = filepath.Join(home, rest)
			}
		}
	}
	return out
}

// loadHere asks the metadata service for the region of this machine.
func (f *Factory) loadHere(ctx context.Context) (string, error) {
	o := imds.Options{ClientEnableState: f.opts.metadataState(), Endpoint: f.opts.EC2MetadataServiceEndpoint}
	if err := o.EndpointMode.SetFromString(f.opts.EC2MetadataServiceEndpointMode); err != nil {
		return "", NewError("ec2_metadata_service_endpoint_mode", fault.Invalid, "write `IPv4` or `IPv6`.", "%s", err)
	}
	out, err := imds.New(o).GetRegion(ctx, &imds.GetRegionInput{})
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil || out.Region == "":
		return "", missingRegion()
	}
	return out.Region, nil
}

// metadataState says whether the metadata service may be asked.
func (o Options) metadataState() imds.ClientEnableState {
	switch skip := o.SkipMetadataAPICheck; {
	case skip == nil:
		return imds.ClientDefaultEnableState
	case *skip:
		return imds.ClientDisabled
	}
	return imds.ClientEnabled
}

func missingRegion() error {
	return NewError("region", fault.Invalid, "set `region` in the provider block, or AWS_REGION in the environment.",
		"No AWS region is set: neither on the resource, nor in the provider block, nor by AWS_REGION, nor in the AWS profile")
}

// partitionOf is the partition of a region by AWS's list of partitions.
func partitionOf(region string) string {
	if p, ok := endpoints.PartitionForRegion(endpoints.DefaultPartitions(), region); ok {
		return p.ID()
	}
	return "aws"
}

type explaining struct{}

// betterError returns the explanation of a call that has finally failed in the
// way of a region that is not there, or the error itself. Good calls cost
// nothing.
func (f *Factory) betterError(ctx context.Context, err error, region string) error {
	if err == nil || f.opts.ExplainRegion == nil || f.opts.SkipRegionValidation || ctx.Value(explaining{}) != nil || !regionSuspect(err, region) {
		return err
	}
	if better := f.opts.ExplainRegion(context.WithValue(ctx, explaining{}, true), region); better != nil {
		return better
	}
	return err
}

// explainRegion returns the middleware that does so for the calls of a region.
func (f *Factory) explainRegion(region string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("cmlExplainRegion",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, md, err := next.HandleInitialize(ctx, in)
				return out, md, f.betterError(ctx, err, region)
			}), middleware.Before)
	}
}

// regionSuspect reports whether a region that does not exist or is not opted
// in would explain the error.
func regionSuspect(err error, region string) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "AuthFailure", "OptInRequired", "UnrecognizedClientException", "InvalidClientTokenId":
			return true
		}
		return false
	}
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound && strings.Contains(dns.Name, region)
}
