package worker

import (
	"context"
	"slices"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// describe turns the machines of a search into the members of its lists, by
// region and id, and asks their CML where that is wanted.
func (d *FleetDataSource) describe(ctx context.Context, f fleet, probe bool, diags *diag.Diagnostics) []fleetWorker {
	type one struct {
		region  *fleetRegion
		machine *instance.Instance
		out     fleetWorker
		diags   diag.Diagnostics
	}
	var all []*one
	for _, r := range f.regions {
		if r.err != nil {
			continue
		}
		for _, machine := range r.machines {
			all = append(all, &one{region: r, machine: machine})
		}
	}
	var work sync.WaitGroup
	slots := make(chan struct{}, lookAtOnce)
	for _, o := range all {
		work.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			o.out = d.member(ctx, o.region, o.machine, probe, &o.diags)
		})
	}
	work.Wait()
	out := make([]fleetWorker, len(all))
	for i, o := range all {
		out[i] = o.out
		diags.Append(o.diags...)
	}
	return out
}

// member is one machine.
func (d *FleetDataSource) member(ctx context.Context, r *fleetRegion, machine *instance.Instance, probe bool, diags *diag.Diagnostics) fleetWorker {
	_, managed := splitTags(d.set, machine.Tags, types.MapNull(types.StringType))
	settings := controller.Merge(tagSettings(d.set, managed), d.set.Controller(), controller.Defaults())
	prior := &model{Controller: attribute.FlattenController(settings), Managed: types.MapNull(types.StringType), Tags: types.MapNull(types.StringType)}
	found := found{instance: machine}
	if probe {
		found.service = (&Resource{set: d.set}).probe(ctx, r.ec2, machine, prior, readiness.Ready, diags)
	}
	m := flatten(ctx, d.set, found, prior, diags)
	name := ""
	if image := r.images[machine.ImageID]; image != nil {
		name = image.Name
	}
	return fleetWorker{
		ID: m.ID, Region: m.Region, AccountID: m.AccountID, Name: m.Name, InstanceState: m.InstanceState, Status: m.Status,
		InstanceType: m.InstanceType, AMIID: m.AMIID, AMIName: attribute.String(name), PublicIP: m.PublicIP, PrivateIP: m.PrivateIP,
		Address: m.Address, URL: m.URL, ServiceStatus: m.ServiceStatus, CMLVersion: m.CMLVersion, CMLReady: m.CMLReady,
		LaunchTime: m.LaunchTime, Tags: m.TagsAll,
		Managed: types.BoolValue(machine.Tags[d.set.ManagedTags().Key(instance.MarkerManagedBy)] == instance.ManagedByValue),
	}
}

// fill puts the results into the model.
func (f fleet) fill(ctx context.Context, m *fleetModel, workers []fleetWorker, diags *diag.Diagnostics) {
	m.Regions = attribute.StringSet(f.asked)
	m.Workers = fleetList(ctx, workers, diags)
	ids := make([]string, len(workers))
	for i, w := range workers {
		ids[i] = w.ID.ValueString()
	}
	m.IDs, m.FailedRegions = stringList(ids), stringList(f.failed())
	m.UnknownWorkers = types.ListNull(types.ObjectType{AttrTypes: fleetTypes})
	m.MissingIDs, m.UndeterminedIDs = types.ListNull(types.StringType), types.ListNull(types.StringType)
	if m.KnownWorkerIDs.IsNull() {
		return
	}
	known := attribute.Strings(m.KnownWorkerIDs)
	m.UnknownWorkers = fleetList(ctx, slices.DeleteFunc(slices.Clone(workers), func(w fleetWorker) bool {
		return slices.Contains(known, w.ID.ValueString())
	}), diags)
	m.MissingIDs, m.UndeterminedIDs = stringList(f.missing), stringList(f.undetermined)
}

func fleetList(ctx context.Context, in []fleetWorker, diags *diag.Diagnostics) types.List {
	if in == nil {
		in = []fleetWorker{}
	}
	out, d := types.ListValueFrom(ctx, types.ObjectType{AttrTypes: fleetTypes}, in)
	diags.Append(d...)
	return out
}

// stringList is a list that is empty, not null, when there is nothing in it:
// length() and for_each work on a search that found nothing.
func stringList(in []string) types.List {
	out := make([]attr.Value, 0, len(in))
	for _, s := range in {
		out = append(out, types.StringValue(s))
	}
	return types.ListValueMust(types.StringType, out)
}
