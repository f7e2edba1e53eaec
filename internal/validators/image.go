package validators

import (
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

var ownerPattern = regexp.MustCompile(`^([0-9]{12}|self|amazon|aws-marketplace|aws-backup-vault)$`)

// ImageOwner checks an owner of images as EC2 takes it (EC2 API reference,
// "DescribeImages", Owner): an account id or one of the aliases.
func ImageOwner() validator.String {
	return text{
		noun: "image owner",
		rule: "must be a 12-digit account id, self, amazon or aws-marketplace",
		problem: func(v string) string {
			if ownerPattern.MatchString(v) {
				return ""
			}
			return `is not an owner of images. Write "self", a 12-digit account id in quotes, "amazon" or "aws-marketplace".`
		},
	}
}
