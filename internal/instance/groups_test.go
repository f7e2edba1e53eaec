package instance_test

import (
	"testing"

	simulator "github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestSecurityGroups(t *testing.T) {
	w := newWorld(t, simulator.Options{PageSize: 1})
	elsewhere := w.sim.Region(region).AddVPC()
	far := w.sim.Region(region).AddSecurityGroupIn(elsewhere, "far")
	all, err := w.SecurityGroups(t.Context(), groupCML, far, "sg-0123456789abcdef0")
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	if near := all[groupCML]; near.VPCID != vpcID || near.Name != "cml" || near.ID != groupCML || all[far].VPCID != elsewhere {
		t.Errorf("%+v, %+v", near, all[far])
	}
	if all, err := w.SecurityGroups(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("none: %v, %v", all, err)
	}
}
