package awsconf

import (
	"errors"
	"net"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// unknownHostTries is how often a request whose host name does not exist is
// made: a misspelt region must not take as long as a service that is down.
const unknownHostTries = 3

// retryer is the SDK's retryer, except that it takes capacity and quota for
// answers. EC2 sends both with status 500 or 503 at times, which the SDK would
// repeat for minutes while nothing changes.
type retryer struct{ aws.RetryerV2 }

// IsErrorRetryable implements aws.Retryer.
func (r retryer) IsErrorRetryable(err error) bool {
	var api smithy.APIError
	if errors.As(err, &api) {
		switch fault.AWSKind(api.ErrorCode(), api.ErrorMessage()) {
		case fault.Capacity, fault.Quota:
			return false
		}
	}
	return r.RetryerV2.IsErrorRetryable(err)
}

// RetryDelay implements aws.Retryer. It is the only method that knows the
// number of the attempt.
func (r retryer) RetryDelay(attempt int, err error) (time.Duration, error) {
	if attempt >= unknownHostTries && unknownHost(err) {
		return 0, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
	}
	return r.RetryerV2.RetryDelay(attempt, err)
}

// unknownHost reports whether name resolution answered that there is no such
// host.
func unknownHost(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// isNetwork reports whether the error comes from the network rather than from
// the SDK.
func isNetwork(err error) bool {
	var n net.Error
	return errors.As(err, &n)
}

// wrapRetryer makes each retryer of the configuration one of ours. An
// operation may still lower the number of attempts by its own options.
func wrapRetryer(cfg *aws.Config) {
	inner := cfg.Retryer
	if inner == nil {
		inner = func() aws.Retryer { return retry.NewStandard() }
	}
	cfg.Retryer = func() aws.Retryer {
		r := inner()
		if v2, ok := r.(aws.RetryerV2); ok {
			return retryer{v2}
		}
		return retryer{retry.AddWithErrorCodes(r).(aws.RetryerV2)}
	}
}
