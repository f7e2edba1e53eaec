package tfdiag

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// IssuesURL is where a defect of the provider is reported.
const IssuesURL = "https://github.com/cml-infra/terraform-provider-cml/issues"

// references maps the AWS codes of bad references to the argument of the
// worker that holds the reference. Codes by their part before the first dot.
var references = map[string]string{
	"InvalidAMIID":                 "ami_id",
	"InvalidSubnetID":              "subnet_ids",
	"InvalidSubnet":                "subnet_ids",
	"InvalidGroup":                 "security_group_ids",
	"InvalidGroupId":               "security_group_ids",
	"InvalidSecurityGroupID":       "security_group_ids",
	"InvalidSecurityGroupId":       "security_group_ids",
	"InvalidInstanceType":          "instance_type",
	"InvalidKeyPair":               "key_name",
	"InvalidIamInstanceProfileArn": "iam_instance_profile",
	"InvalidAllocationID":          "network",
	"InvalidUserData":              "user_data",
}

// referenceAttribute finds the argument of a worker that an AWS error is
// about. For instance profiles, and mostly for instance types, EC2 has no code
// and names them in the text.
func referenceAttribute(f *fault.Error) (string, bool) {
	if f.Kind != fault.BadReference && f.Kind != fault.Invalid {
		return "", false
	}
	code, _, _ := strings.Cut(f.Code, ".")
	if root, ok := references[code]; ok {
		return root, true
	}
	text := strings.ToLower(f.Message)
	if strings.Contains(text, "iam instance profile") || strings.Contains(text, "iaminstanceprofile") {
		return "iam_instance_profile", true
	}
	if unknownType(f) {
		return "instance_type", true
	}
	return "", false
}

// unknownType reports whether EC2 refuses an instance type that it does not
// have: "Invalid value 'm8i.huge' for InstanceType."
func unknownType(f *fault.Error) bool {
	return f.Code == "InvalidInstanceType" || strings.Contains(f.Message, "for InstanceType")
}

// quotas names the quota behind a code, as Service Quotas lists it.
var quotas = map[string]string{
	"VcpuLimitExceeded": `"Running On-Demand instances" of the family (service ec2; for the standard families L-1216C47A). It counts vCPUs, ` +
		`and a bare metal instance counts with all of its own`,
	"InstanceLimitExceeded":                   "the number of running instances of this type (service ec2)",
	"MaxSpotInstanceCountExceeded":            `"Spot Instance Requests" of the family (service ec2; for the standard families L-34B43A08), counted in vCPUs`,
	"VolumeLimitExceeded":                     `"Storage for General Purpose SSD (gp3) volumes" or that of the volume's own type (service ebs; for gp3 L-7A658B76)`,
	"AddressLimitExceeded":                    `"EC2-VPC Elastic IPs" (service ec2; L-0263D0A3)`,
	"SecurityGroupsPerInterfaceLimitExceeded": `"Security groups per network interface" (service vpc; L-2AFB9258)`,
}

// nextStep says what a person can do about an error.
func nextStep(about About, err error, f *fault.Error) string {
	if about.Next != "" {
		return about.Next
	}
	// The outermost error that knows one: those around it may know none.
	var a adviser
	for at := err; errors.As(at, &a); {
		if s := a.NextStep(); s != "" {
			return s
		}
		at = nil
		if e, ok := a.(error); ok {
			at = errors.Unwrap(e)
		}
	}
	if f == nil {
		f = &fault.Error{Kind: fault.KindOf(err)}
	}
	if s, ok := byCode(f); ok {
		return s
	}
	return byKind(f)
}

// byCode holds the advice that is special to one AWS code.
func byCode(f *fault.Error) (string, bool) {
	if unknownType(f) {
		return "check how the instance type is written, and that " + theRegion(f) + " has it; data.cml_instance_types lists those that run CML.", true
	}
	switch f.Code {
	case "AuthFailure":
		return "check the credentials, or whether " + theRegion(f) + " is one that the account has not opted in to.", true
	case "OptInRequired":
		return "enable " + theRegion(f) + " for the account (AWS console, Account, AWS Regions), or choose another region.", true
	case "ExpiredToken", "ExpiredTokenException":
		return "renew the temporary credentials (for instance `aws sso login`, or a new session token) and run Terraform again.", true
	case "RequestExpired":
		return "set the clock of the machine that runs Terraform; AWS refuses requests that are more than minutes off.", true
	case "InsufficientFreeAddressesInSubnet":
		return "add a subnet with free addresses to `subnet_ids`, or free some in this one.", true
	case "InsufficientAddressCapacity":
		return "try again later, or give an address that the account holds already.", true
	case "SpotMaxPriceTooLow":
		return "raise the maximum price, or leave it out to pay the on-demand price at most.", true
	case "IdempotentParameterMismatch":
		return "run Terraform again; a new request gets a new token.", true
	}
	return "", false
}

// byKind holds the advice of each class.
func byKind(f *fault.Error) string {
	switch f.Kind {
	case fault.NotFound:
		return "run `terraform plan`: what is gone leaves the state, and is planned anew."
	case fault.NotVisible:
		return "use credentials of the account that the worker is in (profile, assume_role), or remove it from the state with `terraform state rm` if it is no longer wanted."
	case fault.BadReference:
		return "check that what is named exists" + inRegion(f) + ", since identifiers belong to one region, and that it is written completely."
	case fault.PermissionDenied:
		return permission(f)
	case fault.Credentials:
		if f.Service == "cml" {
			return "check the user name and password, or the token, that the provider's `controller` block or the worker's `controller.credentials` gives."
		}
		return "check the AWS credentials that the provider uses: keys or profile in the provider block, AWS_* in the environment, or the shared files."
	case fault.Account:
		return "ask AWS Support, or whoever administers the account, why it may not be used" + inRegion(f) + "."
	case fault.Quota:
		which := "that the message names"
		if q, ok := quotas[f.Code]; ok {
			which = q
		}
		return "ask for a higher quota in Service Quotas" + inRegion(f) + ": " + which + ". Another zone does not help; the quota is the account's."
	case fault.Capacity:
		return "AWS has none of it there now. Use another instance type, a subnet in another availability zone, or try again later; a capacity reservation keeps room for a type."
	case fault.WrongState:
		return "wait until the worker has settled and run Terraform again."
	case fault.Protected:
		return "switch termination and stop protection off on the instance first, then run Terraform again."
	case fault.RateLimited:
		return "wait until the time that the message names, then run Terraform again."
	case fault.Bug:
		return "please report this as a defect of the provider, with the request id: " + IssuesURL
	case fault.Unimplemented:
		return "the server behind the endpoint does not know this operation: check `endpoints` and the AWS_ENDPOINT_URL variables."
	case fault.Throttled:
		return "run Terraform again with a lower -parallelism, or set `retry_mode = \"adaptive\"` in the provider."
	case fault.Server:
		return "run Terraform again; if it stays so, look at the health of the service."
	case fault.Unreachable:
		if f.Service == "cml" {
			return "see that the worker runs and CML on it has started, and that Terraform reaches it from where it runs: route, security groups, `controller.address_preference` and `controller.port`."
		}
		return "check the network from where Terraform runs: name resolution, proxy (https_proxy, no_proxy), firewall and, if set, `endpoints`."
	case fault.Untrusted:
		return "compare the fingerprint with the one that the worker itself shows, then set `controller.tls` (fingerprint, or cacert)."
	case fault.NotReady:
		return "CML is still starting. Wait a little and run Terraform again."
	case fault.Timeout:
		return "run Terraform again, with a longer limit in `timeouts` if it is only slow."
	case fault.Canceled:
		return "run Terraform again to finish."
	case fault.Ambiguous:
		return "look for the machine by the token and tags named above before anything is launched again."
	}
	return ""
}

func permission(f *fault.Error) string {
	s := "let the identity that Terraform uses"
	if f.MissingAction != "" {
		s += fmt.Sprintf(" do `%s`", f.MissingAction)
	} else {
		s += " do this"
	}
	s += inRegion(f) + ": a policy of its own, a permissions boundary or an organization's policy stands against it."
	if f.Encoded != "" {
		s += " What exactly is in the encoded message: aws sts decode-authorization-message --encoded-message " + f.Encoded
	}
	if f.Service == "cml" {
		return "use an account of CML with administrator rights; this one may not do it."
	}
	return s
}

func inRegion(f *fault.Error) string {
	if f.Region == "" {
		return ""
	}
	return " in " + f.Region
}

func theRegion(f *fault.Error) string {
	if f.Region == "" {
		return "the region"
	}
	return "the region " + f.Region
}
