package cml

import (
	"fmt"
	"regexp"
	"strconv"
)

// DefaultVersion is the release a machine runs when nothing else is asked for:
// the one whose answers were recorded (cml-api.md 0.1, FIX).
const DefaultVersion = "2.9.1+build.7"

var versionPattern = regexp.MustCompile(`^(\d+)\.(\d+)\.(\d+)(.*)$`)

// release is the part of a version string that decides behaviour. Only the
// three numbers compare (cml-api.md 3); what follows them is shown, not used.
type release struct {
	text                string
	major, minor, patch int
}

func parseRelease(text string) (release, error) {
	match := versionPattern.FindStringSubmatch(text)
	if match == nil {
		return release{}, fmt.Errorf("CML version %q is not of the form 2.9.1 or 2.9.1+build.7", text)
	}
	r := release{text: text}
	for i, into := range []*int{&r.major, &r.minor, &r.patch} {
		number, err := strconv.Atoi(match[i+1])
		if err != nil {
			return release{}, fmt.Errorf("CML version %q: %w", text, err)
		}
		*into = number
	}
	return r, nil
}

// CheckVersion reports whether a string is a version of CML.
func CheckVersion(version string) error {
	_, err := parseRelease(version)
	return err
}

// from reports whether the release is 2.<minor> or later.
func (r release) from(minor int) bool {
	return r.major > 2 || r.major == 2 && r.minor >= minor
}

// before reports whether the release is older than 2.<minor>.
func (r release) before(minor int) bool { return !r.from(minor) }
