// Package secrets reads the credentials of CML from where AWS keeps them: AWS
// Secrets Manager, or the Parameter Store of AWS Systems Manager. What it reads
// is kept in memory for one run, and appears in no text that it makes.
package secrets

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// maxAttempts is how often a request is tried: who waits for CML asks again
// anyway, and a refresh has three seconds for everything.
const maxAttempts = 3

// answerLimit is how long a service may take to answer, tries included, where
// the caller sets no shorter time.
const answerLimit = 20 * time.Second

// Store reads secrets, each one once in a run: all that need it share one
// request and its answer. What asking again would not change is kept, too. It
// is safe for concurrent use.
type Store struct {
	factory *awsconf.Factory
	limit   time.Duration

	mu   sync.Mutex
	kept map[place]*awsconf.Lazy[content]
}

// New returns a store that asks with the factory's credentials. It makes no
// request.
func New(f *awsconf.Factory) *Store {
	return &Store{factory: f, limit: answerLimit, kept: map[place]*awsconf.Lazy[content]{}}
}

// place is where a secret is kept.
type place struct {
	service awsconf.Service
	// id is a name or an ARN.
	id, region string
}

// Credentials returns what a reference names. region is that of the worker; an
// ARN's own wins. username is whose password a value without a user name is.
//
// The value is a JSON object with `token`, or with `password` and, unless
// username is given, `username`; all other members are ignored. Any other text
// is a password, without the end of line that editors and shells leave.
// Errors are *Error.
func (s *Store) Credentials(ctx context.Context, ref controller.Ref, region, username string) (controller.Credentials, error) {
	at, err := locate(ref, region)
	if err != nil {
		return controller.Credentials{}, err
	}
	s.mu.Lock()
	lazy, ok := s.kept[at]
	if !ok {
		lazy = awsconf.NewLazy(func(ctx context.Context) (content, error) { return s.load(ctx, at) })
		s.kept[at] = lazy
	}
	s.mu.Unlock()
	c, err := lazy.Get(ctx)
	if err != nil {
		return controller.Credentials{}, err
	}
	return c.credentials(at, username)
}

// locate finds out which service and region to ask.
func locate(ref controller.Ref, region string) (place, error) {
	at := place{awsconf.SecretsManager, ref.SecretsManagerSecretID, region}
	if at.id == "" {
		at.service, at.id = awsconf.SSM, ref.SSMParameterName
	}
	if !strings.HasPrefix(at.id, "arn:") {
		return at, nil
	}
	parsed, err := arn.Parse(at.id)
	switch {
	case err != nil:
		return at, at.errorf(fault.Invalid, "is no complete ARN")
	case parsed.Service != string(at.service):
		return at, at.errorf(fault.Invalid, "is an ARN of the service %q, not of %s", parsed.Service, at.service)
	case parsed.Region != "":
		at.region = parsed.Region
	}
	return at, nil
}

// load asks AWS.
func (s *Store) load(ctx context.Context, at place) (content, error) {
	// An account that the provider must not use is not asked for secrets either.
	if _, err := s.factory.Identity(ctx); err != nil {
		return content{}, err
	}
	cfg, err := s.factory.Config(ctx, at.region)
	if err != nil {
		return content{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, at.errorf(fault.Timeout, "cannot be read: no answer within %s", s.limit))
	defer cancel()
	text, err := s.read(ctx, cfg, at)
	if err != nil {
		if ctx.Err() != nil {
			return content{}, context.Cause(ctx)
		}
		return content{}, at.failed(err)
	}
	if text == nil {
		return content{}, at.errorf(fault.Invalid, "holds binary data; a text is expected: a JSON object with username and password, or with token, or a password alone")
	}
	return parse(at, *text)
}

// read returns the text of a secret, nil when it is a binary one.
func (s *Store) read(ctx context.Context, cfg aws.Config, at place) (*string, error) {
	endpoint := s.factory.Endpoint(at.service)
	if at.service == awsconf.SSM {
		client := ssm.NewFromConfig(cfg, func(o *ssm.Options) {
			o.RetryMaxAttempts = maxAttempts
			if endpoint != "" {
				o.BaseEndpoint = aws.String(endpoint)
			}
		})
		out, err := client.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(at.id), WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, err
		}
		if out.Parameter == nil {
			return aws.String(""), nil
		}
		return aws.String(aws.ToString(out.Parameter.Value)), nil
	}
	client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		o.RetryMaxAttempts = maxAttempts
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(at.id)})
	if err != nil {
		return nil, err
	}
	if out.SecretString == nil && len(out.SecretBinary) == 0 {
		return aws.String(""), nil
	}
	return out.SecretString, nil
}
