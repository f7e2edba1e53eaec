package fault_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Every code that the specification names, with the class it gives it.
func TestAWSKind(t *testing.T) {
	for kind, codes := range map[fault.Kind]string{
		fault.NotFound: `InvalidInstanceID.NotFound ResourceNotFound ResourceNotFoundException`,
		fault.BadReference: `InvalidInstanceID.Malformed InvalidAMIID.NotFound InvalidAMIID.Unavailable InvalidAMIID.Malformed
			InvalidSubnetID.NotFound InvalidGroup.NotFound InvalidKeyPair.NotFound InvalidSnapshot.NotFound
			InvalidAllocationID.NotFound InvalidVolume.NotFound InvalidInstanceAttributeValue
			InvalidSomethingNew.NotFound InvalidSomethingNew.Malformed`,
		fault.PermissionDenied: `UnauthorizedOperation AccessDenied AccessDeniedException Client.UnauthorizedOperation`,
		fault.Credentials: `AuthFailure InvalidClientTokenId SignatureDoesNotMatch ExpiredToken ExpiredTokenException RequestExpired
			UnrecognizedClientException MissingAuthenticationToken IncompleteSignature`,
		fault.Account: `OptInRequired Blocked PendingVerification`,
		fault.Quota: `VcpuLimitExceeded InstanceLimitExceeded MaxSpotInstanceCountExceeded VolumeLimitExceeded AddressLimitExceeded
			ResourceLimitExceeded Client.VolumeLimitExceeded TagLimitExceeded LimitExceeded LimitExceededFault LimitExceededException ServiceQuotaExceededException`,
		fault.Capacity: `InsufficientInstanceCapacity InsufficientHostCapacity InsufficientCapacityOnHost
			InsufficientReservedInstanceCapacity InsufficientFreeAddressesInSubnet ReservationCapacityExceeded
			InsufficientAddressCapacity SpotMaxPriceTooLow Server.InsufficientInstanceCapacity`,
		fault.WrongState: `IncorrectInstanceState IncorrectState IncorrectSpotRequestState IncorrectModificationState ConcurrentModificationException ConflictException`,
		fault.Invalid: `InvalidParameterValue InvalidParameterCombination MissingParameter InvalidUserData.Malformed
			IdempotentParameterMismatch UnsupportedOperation Unsupported OperationNotPermitted InvalidFormat InvalidFormatFault InvalidNextToken
			InvalidParameterValueException InvalidParameterCombinationException MissingRequiredParameterException`,
		fault.RateLimited: `VolumeModificationRateExceeded`,
		fault.Bug:         `FilterLimitExceeded`,
		fault.Throttled:   `RequestLimitExceeded Throttling ThrottlingException EC2ThrottledException BandwidthLimitExceeded`,
		fault.Server:      `InternalError InternalFailure InternalServiceError InternalServiceFault InternalServerException ServiceUnavailable Unavailable Server.InternalError`,
		fault.DryRunOK:    `DryRunOperation`,
		fault.Unknown:     `SomethingElse`,
	} {
		for _, code := range strings.Fields(codes) {
			if got := fault.AWSKind(code, "no hint in the text"); got != kind {
				t.Errorf("%s is %q, want %q", code, got, kind)
			}
		}
	}
}

func TestAWSKindByMessage(t *testing.T) {
	for _, tc := range []struct {
		code, message string
		want          fault.Kind
	}{
		{"Unsupported", "Your requested instance type (m8i.large) is not supported in your requested Availability Zone (us-east-1e).", fault.Capacity},
		{"Unsupported", "The requested configuration is currently not supported.", fault.Invalid},
		{"OperationNotPermitted", "The instance 'i-1' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.", fault.Protected},
		{"OperationNotPermitted", "The instance 'i-1' may not be stopped. Modify its 'disableApiStop' instance attribute and try again.", fault.Protected},
		{"OperationNotPermitted", "You cannot perform this operation on a resource of another service.", fault.Invalid},
	} {
		if got := fault.AWSKind(tc.code, tc.message); got != tc.want {
			t.Errorf("%s %q is %q, want %q", tc.code, tc.message, got, tc.want)
		}
	}
}

// sdkError is an error in the shape in which the SDK returns it.
func sdkError(operation string, status int, api error) error {
	inner := api
	if status != 0 {
		inner = &awshttp.ResponseError{
			RequestID: "req-1",
			ResponseError: &smithyhttp.ResponseError{
				Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}}, Err: api,
			},
		}
	}
	return &smithy.OperationError{ServiceID: "EC2", OperationName: operation, Err: inner}
}

func TestFromAWS(t *testing.T) {
	err := fault.FromAWS(sdkError("RunInstances", 500, &smithy.GenericAPIError{Code: "InsufficientInstanceCapacity", Message: "none here"}), "us-east-1")
	e := fault.As(fmt.Errorf("launching: %w", err))
	if e == nil {
		t.Fatalf("no classified error in %v", err)
	}
	if e.Kind != fault.Capacity || e.Service != "ec2" || e.Operation != "RunInstances" || e.Region != "us-east-1" ||
		e.RequestID != "req-1" || e.StatusCode != 500 || e.Code != "InsufficientInstanceCapacity" || e.Message != "none here" {
		t.Errorf("got %+v", e)
	}
	if got, want := e.Error(), "RunInstances in us-east-1: InsufficientInstanceCapacity: none here"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if again := fault.FromAWS(err, "eu-west-1"); fault.As(again).Region != "us-east-1" {
		t.Error("a classified error was classified again")
	}
	if fault.FromAWS(nil, "eu-west-1") != nil {
		t.Error("no error became one")
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Error("the cause is lost")
	}
}

func TestFromAWSPermission(t *testing.T) {
	for _, tc := range []struct{ message, action, encoded, text string }{
		{
			"You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to perform: ec2:RunInstances on resource: arn:x because no policy allows it. Encoded authorization failure message: aBc-123_x",
			"ec2:RunInstances", "aBc-123_x",
			"You are not authorized to perform this operation. User: arn:aws:iam::1:user/x is not authorized to perform: ec2:RunInstances on resource: arn:x because no policy allows it.",
		},
		{"User x is not authorized to perform: iam:PassRole on resource: y", "iam:PassRole", "", "User x is not authorized to perform: iam:PassRole on resource: y"},
		{"You are not authorized to perform this operation.", "ec2:StartInstances", "", "You are not authorized to perform this operation."},
	} {
		e := fault.As(fault.FromAWS(sdkError("StartInstances", 403, &smithy.GenericAPIError{Code: "UnauthorizedOperation", Message: tc.message}), "r"))
		if e.Kind != fault.PermissionDenied || e.MissingAction != tc.action || e.Encoded != tc.encoded || e.Message != tc.text {
			t.Errorf("%q: got %+v", tc.message, e)
		}
	}
}

// IAM's name of a service has no space.
func TestFromAWSPermissionOfService(t *testing.T) {
	refused := &smithy.OperationError{ServiceID: "Secrets Manager", OperationName: "GetSecretValue", Err: &smithy.GenericAPIError{Code: "AccessDeniedException", Message: "No."}}
	if e := fault.As(fault.FromAWS(refused, "r")); e.MissingAction != "secretsmanager:GetSecretValue" {
		t.Errorf("got %+v", e)
	}
}

func TestFromAWSProtected(t *testing.T) {
	refused := &smithy.GenericAPIError{Code: "OperationNotPermitted", Message: "No."}
	for operation, want := range map[string]fault.Kind{
		"TerminateInstances": fault.Protected, "StopInstances": fault.Protected, "ModifyInstanceAttribute": fault.Invalid,
	} {
		if got := fault.KindOf(fault.FromAWS(sdkError(operation, 400, refused), "r")); got != want {
			t.Errorf("%s: %q, want %q", operation, got, want)
		}
	}
}

// A time-out of the network is not one of the caller's: waits go on after it.
func TestFromAWSTransport(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", errors.New("refused"))}
	slow := &net.OpError{Op: "dial", Net: "tcp", Err: context.DeadlineExceeded}
	for _, tc := range []struct {
		name string
		err  error
		want fault.Kind
	}{
		{"refused", sdkError("X", 0, &smithyhttp.RequestSendError{Err: dial}), fault.Unreachable},
		{"dial timed out", sdkError("X", 0, &smithyhttp.RequestSendError{Err: slow}), fault.Unreachable},
		{"deadline", sdkError("X", 0, &smithy.CanceledError{Err: context.DeadlineExceeded}), fault.Timeout},
		{"canceled", sdkError("X", 0, &smithy.CanceledError{Err: context.Canceled}), fault.Canceled},
		{"plain deadline", context.DeadlineExceeded, fault.Timeout},
		{"gateway", sdkError("X", 502, &smithy.GenericAPIError{Code: "UnknownError", Message: "x"}), fault.Server},
		{"garbage", sdkError("X", 200, errors.New("deserialization failed")), fault.Unknown},
		{"unknown refusal", sdkError("X", 400, &smithy.GenericAPIError{Code: "NewCode", Message: "x"}), fault.Unknown},
	} {
		if got := fault.KindOf(fault.FromAWS(tc.err, "r")); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// Where no service answers, its status and a hint say more than a parser does.
func TestFromAWSGarbled(t *testing.T) {
	garbled := &smithy.DeserializationError{Err: errors.New("invalid character '<' looking for beginning of value")}
	for status, want := range map[int]string{404: "HTTP status 404", 500: "HTTP status 500", 200: "invalid character"} {
		err := fault.FromAWS(sdkError("GetProducts", status, garbled), "r")
		if text := err.Error(); !strings.Contains(text, want) || status != 200 && strings.Contains(text, "invalid character") {
			t.Errorf("%d: %s", status, text)
		}
		if lost := fault.MayHaveTakenEffect(err); !lost {
			t.Errorf("%d counts as an answer", status)
		}
	}
}

func TestMayHaveTakenEffect(t *testing.T) {
	api := func(status int, code string) error {
		return fault.FromAWS(sdkError("RunInstances", status, &smithy.GenericAPIError{Code: code}), "r")
	}
	for _, tc := range []struct {
		name string
		err  error
		want bool
	}{
		{"none", nil, false},
		{"reset", fault.FromAWS(sdkError("RunInstances", 0, &smithyhttp.RequestSendError{Err: errors.New("connection reset by peer")}), "r"), true},
		{"internal", api(500, "InternalError"), true},
		{"gateway", api(502, "UnknownError"), true},
		{"garbage", fault.FromAWS(sdkError("RunInstances", 200, errors.New("deserialization failed")), "r"), true},
		{"canceled", sdkError("RunInstances", 0, &smithy.CanceledError{Err: context.Canceled}), true},
		{"own", fault.New(fault.Ambiguous, "no instance in the answer"), true},
		{"capacity as 500", api(500, "InsufficientInstanceCapacity"), false},
		{"throttled", api(503, "RequestLimitExceeded"), false},
		{"refused", api(400, "InvalidParameterValue"), false},
		{"unknown refusal", api(400, "NewCode"), false},
	} {
		if got := fault.MayHaveTakenEffect(tc.err); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
