package controller

import (
	"context"

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
