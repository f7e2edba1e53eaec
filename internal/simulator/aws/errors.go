package aws

import (
	"fmt"
	"net/http"
	"strings"
)

// APIError is an error answer of a service, before it is written in the service's form.
type APIError struct {
	// Status is the HTTP status.
	Status  int
	Code    string
	Message string
}

// Error returns code and message.
func (e *APIError) Error() string { return e.Code + ": " + e.Message }

// refuse is a client error with status 400, which most of EC2's are (EC2 API reference,
// "Error codes for the Amazon EC2 API").
func refuse(code, format string, args ...any) *APIError {
	return &APIError{Status: http.StatusBadRequest, Code: code, Message: fmt.Sprintf(format, args...)}
}

func missingParameter(name string) *APIError {
	return refuse("MissingParameter", "The request must contain the parameter %s", name)
}

func invalidValue(name, value string) *APIError {
	return refuse("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", value, name)
}

// unsupported answers what EC2 would do and the simulator does not know to do. Silence
// would let a test pass on something that never happened.
func unsupported(format string, args ...any) *APIError {
	return &APIError{Status: http.StatusNotImplemented, Code: "SimulatorUnsupported",
		Message: "The simulator does not know this: " + fmt.Sprintf(format, args...)}
}

// idKind tells how EC2 refuses ids of a kind: code prefix and the words of the messages.
type idKind struct {
	prefix, code, noun string
	// malformed is the code for an id of wrong form, where it is not code+".Malformed".
	malformed string
}

// The codes are those of "Error codes for the Amazon EC2 API".
var (
	instanceIDs   = idKind{prefix: "i-", code: "InvalidInstanceID", noun: "instance ID"}
	imageIDs      = idKind{prefix: "ami-", code: "InvalidAMIID", noun: "image id"}
	subnetIDs     = idKind{prefix: "subnet-", code: "InvalidSubnetID", noun: "subnet ID"}
	vpcIDs        = idKind{prefix: "vpc-", code: "InvalidVpcID", noun: "vpc ID"}
	groupIDs      = idKind{prefix: "sg-", code: "InvalidGroup", noun: "security group", malformed: "InvalidGroupId.Malformed"}
	ruleIDs       = idKind{prefix: "sgr-", code: "InvalidSecurityGroupRuleId", noun: "security group rule ID"}
	volumeIDs     = idKind{prefix: "vol-", code: "InvalidVolume", noun: "volume", malformed: "InvalidVolumeID.Malformed"}
	snapshotIDs   = idKind{prefix: "snap-", code: "InvalidSnapshot", noun: "snapshot", malformed: "InvalidSnapshotID.Malformed"}
	interfaceIDs  = idKind{prefix: "eni-", code: "InvalidNetworkInterfaceID", noun: "networkInterface ID"}
	allocationIDs = idKind{prefix: "eipalloc-", code: "InvalidAllocationID", noun: "allocation ID"}
	associateIDs  = idKind{prefix: "eipassoc-", code: "InvalidAssociationID", noun: "association ID"}
	profileAssocs = idKind{prefix: "iip-assoc-", code: "InvalidAssociationID", noun: "association ID"}
	routeTableIDs = idKind{prefix: "rtb-", code: "InvalidRouteTableID", noun: "routeTable ID"}
	spotIDs       = idKind{prefix: "sir-", code: "InvalidSpotInstanceRequestID", noun: "spot instance request ID"}
	keyPairIDs    = idKind{prefix: "key-", code: "InvalidKeyPair", noun: "key pair"}
)

// notFound names all the ids in the way EC2 does: one in singular, several in plural.
func (k idKind) notFound(ids ...string) *APIError {
	if len(ids) == 1 {
		quoted := ids[0]
		if k.prefix == imageIDs.prefix { // only images come in brackets when there is one
			quoted = "[" + quoted + "]"
		}
		return refuse(k.code+".NotFound", "The %s '%s' does not exist", k.noun, quoted)
	}
	return refuse(k.code+".NotFound", "The %ss '%s' do not exist", k.noun, strings.Join(ids, ", "))
}

// check refuses an id that no resource of the kind could have.
func (k idKind) check(id string) *APIError {
	digits, ok := strings.CutPrefix(id, k.prefix)
	if ok && len(digits) >= 8 && strings.Trim(digits, "0123456789abcdef") == "" {
		return nil
	}
	code := k.malformed
	if code == "" {
		code = k.code + ".Malformed"
	}
	return refuse(code, "Invalid id: %q (expecting %q)", id, k.prefix+"...")
}
