package worker

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

const (
	// regionLimit is what reading one region may take: one that does not answer
	// must not hold up those that do.
	regionLimit = 2 * time.Minute
	// lookAtOnce bounds the questions for single ids and the probes under way.
	lookAtOnce = 10
)

// fleet is what a search found.
type fleet struct {
	asked   []string // regions, sorted
	regions []*fleetRegion
	// missing and undetermined are of the known ids.
	missing, undetermined []string
}

// fleetRegion is one region of a fleet.
type fleetRegion struct {
	name     string
	ec2      *instance.Client
	machines []*instance.Instance
	images   map[string]*instance.Image
	// imagesErr says why images is empty.
	imagesErr error
	err       error
	// unsure says why what has become of known ids could not be asked here; the
	// machines found before that stay known.
	unsure error
}

// filters are the arguments in plain Go.
type fleetFilters struct {
	query   instance.Query
	pattern *regexp.Regexp // nil: any
	owners  []string
}

func (m fleetModel) filters() fleetFilters {
	out := fleetFilters{owners: attribute.Strings(m.AMIOwners), query: instance.Query{
		Tags: attribute.Map(m.Tags), States: attribute.Strings(m.States), Types: attribute.Strings(m.InstanceTypes),
		ManagedOnly: m.ManagedOnly.ValueBool(),
	}}
	if id := m.AMIID.ValueString(); id != "" {
		out.query.ImageIDs = []string{id}
	}
	if p := m.AMINamePattern.ValueString(); p != "" {
		out.pattern = glob(p)
	}
	return out
}

// glob is a pattern as EC2's filters take it: * and ? only.
func glob(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.ReplaceAll(strings.ReplaceAll(text, `\*`, `.*`), `\?`, `.`)
	return regexp.MustCompile(`(?s)^` + text + `$`)
}

// fits says whether a machine's image is one that is asked for.
func (f fleetFilters) fits(machine *instance.Instance, image *instance.Image) bool {
	if f.pattern == nil {
		return true
	}
	if image == nil || !f.pattern.MatchString(image.Name) {
		return false
	}
	return len(f.owners) == 0 || slices.ContainsFunc(f.owners, func(owner string) bool {
		if owner == "self" {
			owner = machine.AccountID // EC2 shows nobody the instances of others
		}
		return owner != "" && (owner == image.OwnerID || owner == image.OwnerAlias)
	})
}

// search reads all regions side by side and compares with the known ids.
func (d *FleetDataSource) search(ctx context.Context, m fleetModel, diags *diag.Diagnostics) fleet {
	var f fleet
	if f.asked = attribute.Strings(m.Regions); len(f.asked) == 0 {
		region, err := d.set.DefaultRegion(ctx)
		if err != nil {
			diags.Append(tfdiag.Error("Unable to look up CML workers", tfdiag.About{}, err))
			return f
		}
		f.asked = []string{region}
	}
	slices.Sort(f.asked)
	filters := m.filters()
	var all sync.WaitGroup
	for _, name := range f.asked {
		r := &fleetRegion{name: name}
		f.regions = append(f.regions, r)
		all.Go(func() { r.read(ctx, d, filters) })
	}
	all.Wait()
	if ctx.Err() != nil {
		diags.Append(tfdiag.Error("Unable to look up CML workers", tfdiag.About{}, context.Cause(ctx)))
		return f
	}
	f.compare(ctx, m, diags)
	if !diags.HasError() {
		f.report(d, diags)
	}
	return f
}

// read finds the machines of a region that fit, with their images.
func (r *fleetRegion) read(ctx context.Context, d *FleetDataSource, filters fleetFilters) {
	ctx, cancel := context.WithTimeout(ctx, regionLimit)
	defer cancel()
	if r.ec2, r.err = d.set.Instances(ctx, r.name); r.err != nil {
		return
	}
	if r.machines, r.err = r.ec2.Search(ctx, filters.query); r.err != nil {
		return
	}
	ids := map[string]bool{}
	for _, machine := range r.machines {
		if machine.ImageID != "" {
			ids[machine.ImageID] = true
		}
	}
	r.images, r.imagesErr = r.ec2.Images(ctx, keys(ids)...)
	if r.imagesErr != nil && filters.pattern != nil {
		// Which machines fit cannot be known; none is not the answer.
		r.machines, r.err = nil, r.imagesErr
		return
	}
	r.machines = slices.DeleteFunc(r.machines, func(i *instance.Instance) bool { return !filters.fits(i, r.images[i.ImageID]) })
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// compare finds out what has become of the known ids that were not found.
func (f *fleet) compare(ctx context.Context, m fleetModel, diags *diag.Diagnostics) {
	absent := attribute.Strings(m.KnownWorkerIDs)
	slices.Sort(absent)
	for _, r := range f.regions {
		absent = without(absent, r.machines)
	}
	for _, r := range f.regions {
		if len(absent) == 0 {
			return
		}
		// Those that are there and only do not fit the filters, all at once.
		if r.err == nil {
			limited, cancel := context.WithTimeout(ctx, regionLimit)
			var there []*instance.Instance
			if there, r.unsure = r.ec2.Search(limited, instance.Query{IDs: absent}); r.unsure == nil {
				absent = without(absent, there)
			}
			cancel()
		}
	}
	verdicts := make([]verdict, len(absent))
	var all sync.WaitGroup
	slots := make(chan struct{}, lookAtOnce)
	for n, id := range absent {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			verdicts[n] = f.judge(ctx, id, m.AccountID.ValueString())
		})
	}
	all.Wait()
	for n, id := range absent {
		switch v := verdicts[n]; {
		case v.notVisible != nil:
			diags.Append(tfdiag.Error("CML worker not visible", tfdiag.About{ID: id}, v.notVisible))
		case v.unread:
			f.undetermined = append(f.undetermined, id)
		case v.gone:
			f.missing = append(f.missing, id)
		}
	}
}

// without drops the ids of instances that are there.
func without(ids []string, there []*instance.Instance) []string {
	return slices.DeleteFunc(ids, func(id string) bool {
		return slices.ContainsFunc(there, func(i *instance.Instance) bool { return i.ID == id })
	})
}

// verdict is what all regions together say of an id.
type verdict struct {
	// gone: every region knows it as gone. unread: none has it, but not every
	// one could be asked.
	gone, unread bool
	notVisible   error
}

// judge asks every region for one id, by the rule of the finder: absent twice,
// and not by the credentials of another account.
func (f *fleet) judge(ctx context.Context, id, account string) verdict {
	ctx, cancel := context.WithTimeout(ctx, regionLimit)
	defer cancel()
	out := verdict{gone: true}
	for _, r := range f.regions {
		if r.err != nil || r.unsure != nil {
			out.gone, out.unread = false, true
			continue
		}
		_, err := r.ec2.Find(ctx, id, account)
		switch {
		case err == nil:
			return verdict{} // it came back, or into sight, in the meantime
		case fault.Is(err, fault.NotVisible):
			out.notVisible = err
		case !fault.Is(err, fault.NotFound):
			out.gone, out.unread = false, true
		}
	}
	return out
}

// report says which regions failed; all of them is an error.
func (f *fleet) report(d *FleetDataSource, diags *diag.Diagnostics) {
	failed := f.failed()
	if len(failed) == len(f.regions) {
		diags.Append(tfdiag.Error("Unable to look up CML workers", tfdiag.About{Region: f.regions[0].name}, f.regions[0].err))
		return
	}
	for _, r := range f.regions {
		if r.err != nil {
			tfdiag.Warn(diags, d.set, tfdiag.RegionFailed, fmt.Sprintf(
				"The workers in %s are not known; those of the other regions are. %s", r.name, r.err))
			continue
		}
		if r.unsure != nil {
			tfdiag.Warn(diags, d.set, tfdiag.RegionFailed, fmt.Sprintf("Whether known workers are gone from %s could not be asked; they are undetermined. %s", r.name, r.unsure))
		}
		if r.imagesErr != nil {
			tfdiag.Warn(diags, d.set, tfdiag.NotReadable, fmt.Sprintf("The names of the images in %s are null: %s", r.name, r.imagesErr))
		}
	}
}

func (f *fleet) failed() []string {
	out := []string{}
	for _, r := range f.regions {
		if r.err != nil {
			out = append(out, r.name)
		}
	}
	return out
}
