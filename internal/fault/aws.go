package fault

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// awsKinds is the one place where an AWS error code becomes a Kind. Codes as
// in the EC2 API error code list, the STS common errors and the API references of
// CloudWatch and EventBridge Scheduler.
var awsKinds = map[string]Kind{
	"InvalidInstanceID.NotFound": NotFound,
	"ResourceNotFound":           NotFound,
	"ResourceNotFoundException":  NotFound,

	"InvalidInstanceID.Malformed":           BadReference,
	"InvalidInstanceAttributeValue":         BadReference,
	"InvalidAMIID.NotFound":                 BadReference,
	"InvalidAMIID.Unavailable":              BadReference,
	"InvalidAMIID.Malformed":                BadReference,
	"InvalidSubnetID.NotFound":              BadReference,
	"InvalidSubnetID.Malformed":             BadReference,
	"InvalidSubnet":                         BadReference,
	"InvalidGroup.NotFound":                 BadReference,
	"InvalidGroupId.Malformed":              BadReference,
	"InvalidSecurityGroupID.NotFound":       BadReference,
	"InvalidSecurityGroupId.Malformed":      BadReference,
	"InvalidSecurity.RequestHasExpired":     Credentials,
	"InvalidKeyPair.NotFound":               BadReference,
	"InvalidSnapshot.NotFound":              BadReference,
	"InvalidAllocationID.NotFound":          BadReference,
	"InvalidAddress.NotFound":               BadReference,
	"InvalidAssociationID.NotFound":         BadReference,
	"InvalidVolume.NotFound":                BadReference,
	"InvalidNetworkInterfaceID.NotFound":    BadReference,
	"InvalidNetworkInterface.NotFound":      BadReference,
	"InvalidSpotInstanceRequestID.NotFound": BadReference,
	"InvalidInstanceType":                   BadReference,

	"UnauthorizedOperation":        PermissionDenied,
	"Client.UnauthorizedOperation": PermissionDenied,
	"AccessDenied":                 PermissionDenied,
	"AccessDeniedException":        PermissionDenied,

	"AuthFailure":                 Credentials,
	"InvalidClientTokenId":        Credentials,
	"UnrecognizedClientException": Credentials,
	"SignatureDoesNotMatch":       Credentials,
	"IncompleteSignature":         Credentials,
	"MissingAuthenticationToken":  Credentials,
	"ExpiredToken":                Credentials,
	"ExpiredTokenException":       Credentials,
	"RequestExpired":              Credentials,

	"OptInRequired":       Account,
	"Blocked":             Account,
	"PendingVerification": Account,

	"VcpuLimitExceeded":                       Quota,
	"InstanceLimitExceeded":                   Quota,
	"MaxSpotInstanceCountExceeded":            Quota,
	"VolumeLimitExceeded":                     Quota,
	"AddressLimitExceeded":                    Quota,
	"ResourceLimitExceeded":                   Quota,
	"SecurityGroupsPerInterfaceLimitExceeded": Quota,
	"LimitExceededFault":                      Quota,
	"LimitExceededException":                  Quota,
	"ServiceQuotaExceededException":           Quota,

	"InsufficientInstanceCapacity":         Capacity,
	"InsufficientHostCapacity":             Capacity,
	"InsufficientCapacityOnHost":           Capacity,
	"InsufficientReservedInstanceCapacity": Capacity,
	"InsufficientFreeAddressesInSubnet":    Capacity,
	"InsufficientAddressCapacity":          Capacity,
	"InsufficientCapacity":                 Capacity,
	"ReservationCapacityExceeded":          Capacity,
	"SpotMaxPriceTooLow":                   Capacity,

	"IncorrectInstanceState":     WrongState,
	"IncorrectState":             WrongState,
	"IncorrectSpotRequestState":  WrongState,
	"IncorrectModificationState": WrongState,
	// CloudWatch and EventBridge Scheduler: somebody else is changing the same
	// thing, or has made it.
	"ConcurrentModificationException": WrongState,
	"ConflictException":               WrongState,

	"OperationNotPermitted": Protected,

	"InvalidParameterValue":        Invalid,
	"InvalidParameterCombination":  Invalid,
	"InvalidParameter":             Invalid,
	"MissingParameter":             Invalid,
	"InvalidUserData.Malformed":    Invalid,
	"IdempotentParameterMismatch":  Invalid,
	"IdempotentInstanceTerminated": Invalid,
	"UnsupportedOperation":         Invalid,
	"InvalidBlockDeviceMapping":    Invalid,
	"ValidationError":              Invalid,
	"ValidationException":          Invalid,
	// CloudWatch says each of these in two ways: as the API's shape is named,
	// and as its older protocol spells it.
	"InvalidFormat":                        Invalid,
	"InvalidFormatFault":                   Invalid,
	"InvalidNextToken":                     Invalid,
	"InvalidParameterValueException":       Invalid,
	"InvalidParameterCombinationException": Invalid,
	"MissingRequiredParameterException":    Invalid,

	"VolumeModificationRateExceeded":        RateLimited,
	"SnapshotCreationPerVolumeRateExceeded": RateLimited,

	"FilterLimitExceeded": Bug,

	"RequestLimitExceeded":     Throttled,
	"Throttling":               Throttled,
	"ThrottlingException":      Throttled,
	"EC2ThrottledException":    Throttled,
	"BandwidthLimitExceeded":   Throttled,
	"TooManyRequestsException": Throttled,

	"InternalError":           Server,
	"InternalFailure":         Server,
	"InternalServerException": Server,
	"InternalServiceError":    Server,
	"InternalServiceFault":    Server,
	"ServiceUnavailable":      Server,
	"Unavailable":             Server,

	"DryRunOperation": DryRunOK,

	"InvalidAction":             Unimplemented,
	"NotImplemented":            Unimplemented,
	"UnknownOperationException": Unimplemented,
}

// AWSKind classifies an AWS error code. The message decides where EC2 uses one
// code for two things: "Unsupported" is Capacity when it says that the type is
// not offered in the zone, and Invalid otherwise; OperationNotPermitted is
// Protected only when it speaks of a disableApi… attribute.
func AWSKind(code, message string) Kind {
	code = strings.TrimPrefix(strings.TrimPrefix(code, "Client."), "Server.")
	switch code {
	case "Unsupported":
		if strings.Contains(strings.ToLower(message), "availability zone") {
			return Capacity
		}
		return Invalid
	case "OperationNotPermitted":
		text := strings.ToLower(message)
		if !strings.Contains(text, "disableapi") && !strings.Contains(text, "protect") {
			return Invalid
		}
	}
	if k, ok := awsKinds[code]; ok {
		return k
	}
	switch {
	case strings.HasSuffix(code, "LimitExceeded"):
		return Quota
	case strings.HasSuffix(code, ".NotFound"), strings.HasSuffix(code, ".Malformed"):
		return BadReference
	}
	return Unknown
}

var (
	notAuthorizedTo = regexp.MustCompile(`not authorized to perform: ([A-Za-z0-9-]+:[A-Za-z0-9*]+)`)
	encodedMessage  = regexp.MustCompile(`Encoded authorization failure message: (\S+)`)
)

// FromAWS classifies an error of the AWS SDK. nil stays nil, and an error that
// is classified already, or that is only an ended context, comes back as it is.
func FromAWS(err error, region string) error {
	if err == nil || As(err) != nil || contextEnded(err) {
		return err
	}
	out := &Error{Region: region, Err: err}
	var op *smithy.OperationError
	if errors.As(err, &op) {
		out.Service = strings.ToLower(op.Service())
		out.Operation = op.Operation()
	}
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) {
		out.RequestID = resp.ServiceRequestID()
		out.StatusCode = resp.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		out.Code, out.Message = api.ErrorCode(), api.ErrorMessage()
		out.Kind = AWSKind(out.Code, out.Message)
		if out.Code == "OperationNotPermitted" && (out.Operation == "TerminateInstances" || out.Operation == "StopInstances") {
			// There it means the two attributes, in whatever words.
			out.Kind = Protected
		}
		if out.Kind == PermissionDenied {
			if m := notAuthorizedTo.FindStringSubmatch(out.Message); m != nil {
				out.MissingAction = m[1]
			} else if out.Operation != "" {
				// IAM writes "Secrets Manager" and the like in one word.
				out.MissingAction = fmt.Sprintf("%s:%s", strings.ReplaceAll(out.Service, " ", ""), out.Operation)
			}
			if m := encodedMessage.FindStringSubmatch(out.Message); m != nil {
				out.Encoded = m[1]
				out.Message = strings.TrimSpace(strings.Replace(out.Message, m[0], "", 1))
			}
		}
		if out.Kind == Unknown {
			out.Kind = byStatus(out.StatusCode)
		}
		return out
	}
	if out.Kind = byStatus(out.StatusCode); out.StatusCode == 0 {
		out.Kind = Unreachable
	}
	out.Message = cause(err)
	var garbled *smithy.DeserializationError
	if errors.As(err, &garbled) && out.StatusCode >= http.StatusBadRequest {
		// What the parser stumbled over would tell nobody anything.
		out.Message = fmt.Sprintf("HTTP status %d, with an answer that is not one of this service: does its endpoint serve it, and is no proxy in between?", out.StatusCode)
	}
	return out
}

// contextEnded says that the caller's context ended. A time-out of the network
// below looks alike, for it is a context.DeadlineExceeded too; the SDK marks it
// as a request that could not be sent.
func contextEnded(err error) bool {
	var send *smithyhttp.RequestSendError
	return Is(err, Timeout, Canceled) && !errors.As(err, &send)
}

// byStatus classifies an answer by its HTTP status alone.
func byStatus(status int) Kind {
	switch {
	case status == http.StatusNotImplemented:
		return Unimplemented
	case status >= 500:
		return Server
	}
	return Unknown
}

// cause drops the SDK's "operation error EC2: X, https response error …"
// prefixes, which the fields carry already.
func cause(err error) string {
	var op *smithy.OperationError
	if errors.As(err, &op) {
		err = op.Unwrap()
	}
	return err.Error()
}

// MayHaveTakenEffect reports whether a request that failed so may have been
// carried out all the same: no answer at all, an answer cut off or not
// understood, or a failure of the service itself.
func MayHaveTakenEffect(err error) bool {
	if err == nil {
		return false
	}
	switch KindOf(err) {
	case Unknown, Unreachable, Server, Timeout, Canceled, Ambiguous:
		e := As(err)
		// A code of the 4xx family is an answer: nothing was done.
		return e == nil || e.Code == "" || e.StatusCode == 0 || e.StatusCode >= 500
	}
	return false
}
