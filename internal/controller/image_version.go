package controller

import (
	"regexp"
	"strings"
)

// ImageVersionTag is the tag of an image that holds its CML version.
const ImageVersionTag = "cml:version"

var (
	// productPattern is what names of CML images and packages call the product:
	// "CML-2.7.0-Ubuntu-22.04", "cml2_2.9.0-3_amd64", "virl2-2.8.1".
	productPattern = regexp.MustCompile(`(?i)cml|virl|modell?ing[ ._-]?labs`)
	// numbersPattern takes all numbers of a version, so that a part of a longer
	// one (a date, an address) is not mistaken for a version.
	numbersPattern = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)+`)
	// releasePattern is a CML release: one digit first, no leading zeros. Ubuntu's
	// "22.04" and dates are none.
	releasePattern = regexp.MustCompile(`^[1-9]\.(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))?$`)
)

// VersionFromName returns the CML version in the name of an image or package,
// "2.7.0" of "CML-2.7.0-Ubuntu-22.04", and "" when the name tells none: only
// what follows the name of the product counts, the version of an operating
// system is none.
func VersionFromName(name string) string {
	at := productPattern.FindStringIndex(name)
	if at == nil {
		return ""
	}
	for _, numbers := range numbersPattern.FindAllString(name[at[1]:], -1) {
		if releasePattern.MatchString(numbers) {
			return numbers
		}
	}
	return ""
}

// ImageVersion returns the CML version of an image: that of its tag
// cml:version, or else of its name; "" when neither tells one.
func ImageVersion(name string, tags map[string]string) string {
	if v := strings.TrimSpace(tags[ImageVersionTag]); v != "" {
		return v
	}
	return VersionFromName(name)
}
