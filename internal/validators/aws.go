package validators

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// identifier checks an EC2 identifier: a prefix and what EC2 documents as 8 or
// 17 hexadecimal digits (EC2 user guide, "Resource IDs"). Other servers use
// other lengths, so any run of lower-case letters and digits passes.
func identifier(prefix, noun, article string) validator.String {
	pattern := regexp.MustCompile(`^` + prefix + `-[0-9a-z]+$`)
	return text{
		noun: noun,
		rule: fmt.Sprintf("must be %s %s such as %s-0123456789abcdef0", article, noun, prefix),
		problem: func(v string) string {
			if pattern.MatchString(v) {
				return ""
			}
			return fmt.Sprintf("is not %s %s. Write it as EC2 prints it: %q.", article, noun, prefix+"-0123456789abcdef0")
		},
	}
}

// AMIID checks the id of an image, "ami-…".
func AMIID() validator.String { return identifier("ami", "AMI id", "an") }

// SubnetID checks the id of a subnet, "subnet-…".
func SubnetID() validator.String { return identifier("subnet", "subnet id", "a") }

// SecurityGroupID checks the id of a security group, "sg-…": not its name.
func SecurityGroupID() validator.String {
	return identifier("sg", "security group id", "a")
}

// VPCID checks the id of a VPC, "vpc-…".
func VPCID() validator.String { return identifier("vpc", "VPC id", "a") }

// AllocationID checks the id of an Elastic IP allocation, "eipalloc-…".
func AllocationID() validator.String {
	return identifier("eipalloc", "Elastic IP allocation id", "an")
}

// InstanceID checks the id of an instance, "i-…", without a region.
func InstanceID() validator.String { return identifier("i", "instance id", "an") }

var (
	regionPattern = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)
	zonePattern   = regexp.MustCompile(`^([a-z]{2,}(?:-[a-z]+)+-[0-9]+)[a-z]$`)
)

// RegionProblem says what is wrong with the form of a region name, or "". It
// knows no list of regions, since AWS adds some each year.
func RegionProblem(v string) string {
	if regionPattern.MatchString(v) {
		return ""
	}
	if m := zonePattern.FindStringSubmatch(v); m != nil {
		return fmt.Sprintf("is an availability zone. The region is %q.", m[1])
	}
	return `is not the name of an AWS region. Write it as in "us-east-1".`
}

// Region checks the form of a region name.
func Region() validator.String {
	return text{noun: "AWS region", rule: "must be the name of an AWS region such as us-east-1", problem: RegionProblem}
}

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// AccountID checks an AWS account id.
func AccountID() validator.String {
	return text{
		noun: "AWS account id",
		rule: "must be 12 digits",
		problem: func(v string) string {
			if accountPattern.MatchString(v) {
				return ""
			}
			hint := `Write its 12 digits as a string, such as "111122223333"`
			if digits := strings.ReplaceAll(v, "-", ""); accountPattern.MatchString(digits) {
				hint = fmt.Sprintf("Write it without hyphens: %q", digits)
			} else if len(v) < 12 && regexp.MustCompile(`^[0-9]+$`).MatchString(v) {
				hint += "; a leading zero counts, so quote it"
			}
			return "is not an AWS account id. " + hint + "."
		},
	}
}

var arnPattern = regexp.MustCompile(`^arn:[a-z0-9-]+:([a-z0-9-]+):[a-z0-9-]*:[0-9a-z]*:.+$`)

// ARN checks an Amazon Resource Name of one of the services; of any service
// when none is named.
func ARN(services ...string) validator.String {
	return text{
		noun: "ARN",
		rule: "must be an ARN",
		problem: func(v string) string {
			m := arnPattern.FindStringSubmatch(v)
			if m == nil {
				return `is not an ARN. Write it as AWS prints it: "arn:partition:service:region:account:resource".`
			}
			for _, s := range services {
				if m[1] == s {
					return ""
				}
			}
			if len(services) == 0 {
				return ""
			}
			return fmt.Sprintf("is an ARN of the service %q, wanted is one of %q.", m[1], strings.Join(services, " or "))
		},
	}
}

var rolePattern = regexp.MustCompile(`^arn:[a-z0-9-]+:iam::[0-9a-z]*:role/.+$`)

// RoleARN checks the ARN of an IAM role. An empty string passes, since modules
// write "" for "no role", as they may for provider "aws".
func RoleARN() validator.String {
	return text{
		noun: "IAM role ARN",
		rule: "must be the ARN of an IAM role",
		problem: func(v string) string {
			if v == "" || rolePattern.MatchString(v) {
				return ""
			}
			return `is not the ARN of an IAM role. Write it as in "arn:aws:iam::111122223333:role/cml-operator".`
		},
	}
}

var sessionPattern = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// SessionName checks a role session name or source identity (STS AssumeRole:
// 2 to 64 characters of letters, digits and _+=,.@-).
func SessionName() validator.String {
	return text{
		noun: "session name",
		rule: "must have 2 to 64 characters out of letters, digits and _+=,.@-",
		problem: func(v string) string {
			if sessionPattern.MatchString(v) {
				return ""
			}
			return "cannot be used here. STS takes 2 to 64 characters out of letters, digits and _+=,.@- without spaces."
		},
	}
}

var externalIDPattern = regexp.MustCompile(`^[\w+=,.@:/-]+$`)

// ExternalID checks the external id of an AssumeRole request.
func ExternalID() validator.String {
	return text{
		noun: "external id",
		rule: "must have 2 to 1224 characters out of letters, digits and _+=,.@:/-",
		problem: func(v string) string {
			if len(v) >= 2 && len(v) <= 1224 && externalIDPattern.MatchString(v) {
				return ""
			}
			return "cannot be used here. STS takes 2 to 1224 characters out of letters, digits and _+=,.@:/- without spaces."
		},
	}
}

// JSONObject checks that a string is one JSON object, as an IAM policy is.
func JSONObject() validator.String {
	return text{
		noun: "JSON document",
		rule: "must be a JSON object",
		problem: func(v string) string {
			var object map[string]any
			if err := json.Unmarshal([]byte(v), &object); err != nil {
				return fmt.Sprintf("is not a JSON object (%s). Use jsonencode() or a policy document data source.", err)
			}
			return ""
		},
	}
}

var instanceTypePattern = regexp.MustCompile(`^[a-z0-9-]+\.[a-z0-9-]+$`)

// InstanceType checks the form of an instance type: family, dot, size.
func InstanceType() validator.String {
	return text{
		noun: "instance type",
		rule: "must be an instance type such as m8i.2xlarge",
		problem: func(v string) string {
			if instanceTypePattern.MatchString(v) {
				return ""
			}
			return `is not an instance type. Write family, dot and size in lower case, as in "m8i.2xlarge".`
		},
	}
}

var profileNamePattern = regexp.MustCompile(`^[\w+=,.@-]{1,128}$`)

// InstanceProfileName checks the name of an IAM instance profile.
func InstanceProfileName() validator.String {
	return text{
		noun: "instance profile name",
		rule: "must be the name of an IAM instance profile",
		problem: func(v string) string {
			if profileNamePattern.MatchString(v) {
				return ""
			}
			if i := strings.LastIndexByte(v, '/'); strings.HasPrefix(v, "arn:") && i >= 0 {
				return fmt.Sprintf("is an ARN. Write the name of the instance profile: %q.", v[i+1:])
			}
			return "is not the name of an instance profile. IAM takes up to 128 characters out of letters, digits and _+=,.@-."
		},
	}
}
