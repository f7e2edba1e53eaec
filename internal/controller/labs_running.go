package controller

import (
	"context"
	"fmt"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// Lab is what names a lab to a person.
type Lab struct {
	ID    string `json:"id"`
	Title string `json:"lab_title"`
	Owner string `json:"owner_username"`
	State string `json:"state"`
}

// ActiveLabs lists the labs of all users that have, or may have, active nodes.
// One that somebody removes meanwhile is left out (cml-api.md 6.1).
func (c *Client) ActiveLabs(ctx context.Context) ([]Lab, error) {
	ids, err := c.Labs(ctx)
	if err != nil {
		return nil, err
	}
	var out []Lab
	for _, id := range ids {
		var lab Lab
		err := c.Get(ctx, "/labs/"+id, nil, &lab)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return out, err
		}
		if lab.State != labDefined && lab.State != labStopped {
			out = append(out, lab)
		}
	}
	return out, nil
}

// namedLabs is how many labs a text names.
const namedLabs = 10

// NameLabs names labs in a text: title, owner and id of the first ones.
func NameLabs(labs []Lab) string {
	var names []string
	for i, lab := range labs {
		if i == namedLabs {
			names = append(names, fmt.Sprintf("and %d more", len(labs)-i))
			break
		}
		names = append(names, fmt.Sprintf("%q of %s (%s)", lab.Title, lab.Owner, lab.ID))
	}
	return strings.Join(names, ", ")
}
