package insight

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/dashboard"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// findAll reads several machines, side by side so that they share requests. It
// returns them in the order of the ids; each that is not found is an error.
func (b *base) findAll(ctx context.Context, ids []string, region types.String, diags *diag.Diagnostics) []sight {
	out, found := make([]sight, len(ids)), make([]diag.Diagnostics, len(ids))
	var wg sync.WaitGroup
	for i, id := range ids {
		wg.Go(func() {
			at := path.Root("worker_ids").AtSetValue(types.StringValue(id))
			out[i], _ = b.findAt(ctx, at, types.StringValue(id), region, &found[i])
		})
	}
	wg.Wait()
	for _, d := range found {
		diags.Append(d...) // the same for all workers appears once
	}
	return out
}

// portray tells what the dashboard has to know of the workers. EC2 is asked for
// their types where it matters.
func (b *base) portray(ctx context.Context, all []sight, o dashboard.Options, diags *diag.Diagnostics) []dashboard.Worker {
	known := map[string]*instance.TypeInfo{}
	if slices.Contains(o.Groups, dashboard.EBS) || slices.Contains(o.Groups, dashboard.Credits) {
		known = b.facts(ctx, all, diags)
	}
	out := make([]dashboard.Worker, len(all))
	for i, s := range all {
		w := dashboard.Worker{ID: s.machine.ID, Name: s.machine.Name(), Type: s.machine.Type}
		w.BareMetal, w.Burstable = abilities(known, w.Type)
		for _, v := range s.machine.Volumes {
			w.Volumes = append(w.Volumes, v.VolumeID)
		}
		out[i] = w
	}
	return out
}

// facts asks EC2 what the types of workers of one region can do; nil with a
// warning when it does not tell.
func (b *base) facts(ctx context.Context, all []sight, diags *diag.Diagnostics) map[string]*instance.TypeInfo {
	var names []string
	for _, s := range all {
		names = append(names, s.machine.Type)
	}
	slices.Sort(names)
	known, err := all[0].ec2.InstanceTypes(ctx, slices.Compact(names)...)
	if err != nil {
		tfdiag.Warn(diags, b.set, tfdiag.NotReadable,
			fmt.Sprintf("What the instance types of the workers can do is taken from their names, since EC2 did not tell: %s", words(err)))
		return nil
	}
	return known
}

// abilities tells from the facts, or else from its name, what a type is.
func abilities(known map[string]*instance.TypeInfo, name string) (bareMetal, burstable bool) {
	if info := known[name]; info != nil {
		return info.BareMetal, info.Burstable
	}
	return strings.Contains(name, ".metal"), burstableName.MatchString(name)
}

// burstableName fits the types of the T family: "t3.large", "t4g.small".
var burstableName = regexp.MustCompile(`^t\d`)
