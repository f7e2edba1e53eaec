package worker

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
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

// fits says whether a machine and its image are among those looked for, as far
// as EC2 was not asked for it.
func (q fleetQuery) fits(machine *instance.Instance, image *instance.Image) bool {
	if q.single && machine.AutoScalingGroup != "" {
		return false
	}
	if q.namePattern == "" {
		return true
	}
	if image == nil || !wildcard(q.namePattern).MatchString(image.Name) {
		return false
	}
	return len(q.owners) == 0 || slices.ContainsFunc(q.owners, func(owner string) bool {
		if owner == "self" {
			owner = machine.AccountID // EC2 shows nobody the instances of others
		}
		return owner != "" && (owner == image.OwnerID || owner == image.OwnerAlias)
	})
}

// search reads all regions side by side and compares with the known ids.
func (d *FleetDataSource) search(ctx context.Context, query fleetQuery, m fleetModel, diags *diag.Diagnostics) fleet {
	f := fleet{asked: query.regions}
	var all sync.WaitGroup
	for _, name := range f.asked {
		r := &fleetRegion{name: name}
		f.regions = append(f.regions, r)
		all.Go(func() { r.read(ctx, d.set, query) })
	}
	all.Wait()
	if ctx.Err() != nil {
		diags.Append(lookUpFailed("", context.Cause(ctx)))
		return f
	}
	f.compare(ctx, m, diags)
	if !diags.HasError() {
		f.report(d, diags)
	}
	return f
}

// lookUpFailed is the error of a region, or of all together.
func lookUpFailed(region string, err error) diag.Diagnostic {
	return tfdiag.Error("Unable to look up CML workers", tfdiag.About{Region: region}, err)
}

// read finds the machines of a region that fit, with their images.
func (r *fleetRegion) read(ctx context.Context, set *clients.Set, query fleetQuery) {
	ctx, cancel := context.WithTimeout(ctx, regionLimit)
	defer cancel()
	r.err = r.pages(ctx, set, query, func(page []*instance.Instance) bool {
		r.machines = append(r.machines, page...)
		return true
	})
	if r.err != nil {
		r.machines = nil
	}
	slices.SortFunc(r.machines, func(a, b *instance.Instance) int { return strings.Compare(a.ID, b.ID) })
}

// pages hands the machines of a region that fit to take, as EC2 sends them, and
// asks for no more once that returns false. Their images are in r.images by
// then, where the query needs them.
func (r *fleetRegion) pages(ctx context.Context, set *clients.Set, query fleetQuery, take func([]*instance.Instance) bool) error {
	var err error
	if r.ec2, err = set.Instances(ctx, r.name); err != nil {
		return err
	}
	had := map[string]bool{} // two pages may hold the same machine
	var blind error
	err = r.ec2.SearchPages(ctx, query.machines, func(page []*instance.Instance) bool {
		if query.images || query.namePattern != "" {
			r.lookAtImages(ctx, page)
		}
		if r.imagesErr != nil && query.namePattern != "" {
			// Which machines fit cannot be known; none is not the answer.
			blind = r.imagesErr
			return false
		}
		page = slices.DeleteFunc(page, func(i *instance.Instance) bool {
			again := had[i.ID]
			had[i.ID] = true
			return again || !query.fits(i, r.images[i.ImageID])
		})
		return len(page) == 0 || take(page)
	})
	if blind != nil {
		return blind
	}
	return err
}

// lookAtImages reads the images of machines that are not known yet. What could
// not be read once is not asked for again.
func (r *fleetRegion) lookAtImages(ctx context.Context, machines []*instance.Instance) {
	ids := map[string]bool{}
	for _, machine := range machines {
		if _, asked := r.images[machine.ImageID]; !asked && machine.ImageID != "" {
			ids[machine.ImageID] = true
		}
	}
	if r.imagesErr != nil || len(ids) == 0 {
		return
	}
	var found map[string]*instance.Image
	found, r.imagesErr = r.ec2.Images(ctx, keys(ids)...)
	// A map of its own for each page: somebody may still read the earlier one.
	images := maps.Clone(r.images)
	if images == nil {
		images = map[string]*instance.Image{}
	}
	for id := range ids {
		images[id] = found[id]
	}
	r.images = images
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
		diags.Append(lookUpFailed(f.regions[0].name, f.regions[0].err))
		return
	}
	for _, r := range f.regions {
		if r.err != nil {
			r.warn(d.set, diags)
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

// warn says that the region failed, and others did not.
func (r *fleetRegion) warn(set *clients.Set, diags *diag.Diagnostics) {
	tfdiag.Warn(diags, set, tfdiag.RegionFailed, fmt.Sprintf(
		"The workers in %s are not known; those of the other regions are. %s", r.name, r.err))
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
