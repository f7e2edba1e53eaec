package validators

import (
	"fmt"
	"regexp"
	"strings"
)

// instanceIDPattern is as loose as InstanceID.
var instanceIDPattern = regexp.MustCompile(`^i-[0-9a-z]+$`)

// ParseWorkerID takes apart how an import names a worker: "i-…", "i-…@region"
// or "region:i-…". The region is "" where none is named: the provider's is
// meant. problem says what is wrong with the text and what to write, or is "".
func ParseWorkerID(text string) (id, region, problem string) {
	id, region, named := strings.Cut(strings.TrimSpace(text), "@")
	if !named {
		if before, after, ok := strings.Cut(id, ":"); ok {
			id, region, named = after, before, true
		}
	}
	const write = ` Write "i-0123456789abcdef0", or "i-0123456789abcdef0@us-west-2" with a region.`
	switch {
	case !instanceIDPattern.MatchString(id):
		problem = fmt.Sprintf("%q does not name an instance.%s", text, write)
	case named && region == "":
		problem = fmt.Sprintf("%q has no region where one should be.%s", text, write)
	case named && RegionProblem(region) != "":
		problem = fmt.Sprintf("%q in %q %s", region, text, RegionProblem(region))
	}
	return id, region, problem
}

// JoinWorkerID writes id and region, which may be "", as ParseWorkerID reads
// them.
func JoinWorkerID(id, region string) string {
	if region == "" {
		return id
	}
	return id + "@" + region
}
