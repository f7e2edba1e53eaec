package validators

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// Duration checks a duration as Go writes it ("90s", "20m", "1h30m") that lies
// between low and high, both included.
func Duration(low, high time.Duration) validator.String {
	return text{
		noun: "duration",
		rule: fmt.Sprintf("must be a duration between %s and %s", ShortDuration(low), ShortDuration(high)),
		problem: func(v string) string {
			d, err := time.ParseDuration(v)
			switch {
			case err != nil && regexp.MustCompile(`^[0-9]+$`).MatchString(v):
				return fmt.Sprintf("has no unit. Write %q for seconds or %q for minutes.", v+"s", v+"m")
			case err != nil:
				return `is not a duration. Write a number with a unit, as in "90s", "20m" or "1h30m".`
			case d < low, d > high:
				return fmt.Sprintf("is out of range. Write a duration between %q and %q.", ShortDuration(low), ShortDuration(high))
			}
			return ""
		},
	}
}

// ShortDuration writes a duration without the zero parts that Duration.String adds.
func ShortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// ResourceName checks what becomes a Name tag: 1 to 255 characters, none of
// them a control character (EC2 tags: values up to 256).
func ResourceName() validator.String {
	return text{
		noun: "name",
		rule: "must have 1 to 255 characters",
		problem: func(v string) string {
			n := len([]rune(v))
			switch {
			case n == 0:
				return "is empty. Write a name of 1 to 255 characters."
			case n > 255:
				return fmt.Sprintf("has %d characters. Write a name of at most 255.", n)
			case strings.ContainsFunc(v, unicode.IsControl):
				return "holds a control character. Write the name on one line."
			case strings.TrimSpace(v) != v:
				return "begins or ends with a space. Leave it out."
			}
			return ""
		},
	}
}

// Base64 checks standard base64 with padding. The value may be a secret and is
// not repeated.
func Base64() validator.String {
	return text{
		noun:   "base64 text",
		rule:   "must be base64",
		secret: true,
		problem: func(v string) string {
			if _, err := base64.StdEncoding.DecodeString(v); err != nil {
				return "is not base64. Use base64encode() or filebase64(), or the argument that takes plain text."
			}
			return ""
		},
	}
}

// IPv4 checks an IPv4 address.
func IPv4() validator.String {
	return text{
		noun: "IPv4 address",
		rule: "must be an IPv4 address",
		problem: func(v string) string {
			a, err := netip.ParseAddr(v)
			if err == nil && a.Is4() {
				return ""
			}
			if _, err := netip.ParsePrefix(v); err == nil {
				return `is a network. Write one address, as in "10.0.1.20".`
			}
			return `is not an IPv4 address. Write it as in "10.0.1.20".`
		},
	}
}

var versionPattern = regexp.MustCompile(`^[0-9]+\.[0-9]+(\.[0-9]+)?([+-][0-9A-Za-z.+-]+)?$`)

// CMLVersion checks a version as CML prints it ("2.9.0", "2.9.1+build.7"); the
// last part and the build may be left out.
func CMLVersion() validator.String {
	return text{
		noun: "CML version",
		rule: "must be a CML version such as 2.9.0",
		problem: func(v string) string {
			if versionPattern.MatchString(v) {
				return ""
			}
			return `is not a CML version. Write numbers and dots, as in "2.9" or "2.9.0".`
		},
	}
}
