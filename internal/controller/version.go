package controller

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Version is a CML release. Only its three numbers compare; what follows them
// ("+build.7", ".dev0+build.f904bdf8") is kept in Text (cml-api.md 3).
type Version struct {
	Major, Minor, Patch int
	// Text is the version as CML reports it.
	Text string
}

var versionPattern = regexp.MustCompile(`^(\d+)\.(\d+)(?:\.(\d+))?(\D.*)?$`)

// ParseVersion reads a version such as "2.9.1+build.7". The third number may be
// left out, as people do when they name a lowest release.
func ParseVersion(text string) (Version, error) {
	match := versionPattern.FindStringSubmatch(strings.TrimSpace(text))
	if match == nil {
		return Version{}, fault.New(fault.Invalid, "%q is no CML version such as 2.9.1", text)
	}
	v := Version{Text: match[0]}
	for i, into := range []*int{&v.Major, &v.Minor, &v.Patch} {
		if match[i+1] == "" {
			continue
		}
		number, err := strconv.Atoi(match[i+1])
		if err != nil {
			return Version{}, fault.New(fault.Invalid, "%q is no CML version: %w", text, err)
		}
		*into = number
	}
	return v, nil
}

// Compare returns -1, 0 or +1 as v is older than, the same as or newer than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch))
}

// AtLeast reports whether v is w or newer.
func (v Version) AtLeast(w Version) bool { return v.Compare(w) >= 0 }

// String returns the version as CML reports it.
func (v Version) String() string { return v.Text }
