package worker

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// ValidateConfig implements resource.ResourceWithValidateConfig: what is wrong
// by itself, whatever the provider and the account look like. Unknown values
// are judged at plan, or when they are known.
func (r *Resource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var c model
	resp.Diagnostics.Append(req.Config.Get(ctx, &c)...)
	if resp.Diagnostics.HasError() {
		return
	}
	d := &resp.Diagnostics
	validateTags(c.Tags, d)
	validateRootVolume(object[rootVolume](ctx, c.RootVolume, d), d)
	validateUserData(&c, d)
	validateReadiness(ctx, &c, d)

	validateMarket(ctx, &c, d)

	n := object[network](ctx, c.Network, d)
	if known(n.PrivateIP) && !c.SubnetIDs.IsUnknown() && len(c.SubnetIDs.Elements()) != 1 {
		d.AddAttributeError(path.Root("network").AtName("private_ip"), "Private address without its subnet",
			"A fixed private address belongs to one subnet: name exactly that one in subnet_ids.")
	}
}

// value is what every attribute value has.
type value interface {
	IsNull() bool
	IsUnknown() bool
}

func known(v value) bool { return !v.IsNull() && !v.IsUnknown() }

// validateTags refuses the one tag that has an argument of its own; the schema
// checks the rest.
func validateTags(tags types.Map, d *diag.Diagnostics) {
	if _, ok := tags.Elements()["Name"]; ok {
		d.AddAttributeError(path.Root("tags").AtMapKey("Name"), "Name is given twice", "The tag Name comes from the argument name: remove it from tags.")
	}
}

// provisionsIOPS and provisionsThroughput say of which types of volume one
// chooses these; EC2 answers with figures for others, too (EC2 API,
// CreateVolume).
func provisionsIOPS(kind string) bool       { return kind == "gp3" || kind == "io1" || kind == "io2" }
func provisionsThroughput(kind string) bool { return kind == "gp3" }

func validateRootVolume(v rootVolume, d *diag.Diagnostics) {
	at := path.Root("root_volume")
	kind := v.Type.ValueString()
	if known(v.Type) && known(v.IOPS) && !provisionsIOPS(kind) {
		d.AddAttributeError(at.AtName("iops"), "IOPS cannot be provisioned", fmt.Sprintf("A %s volume has no provisioned IOPS: use type gp3, io1 or io2, or leave iops out.", kind))
	}
	if known(v.Type) && known(v.Throughput) && !provisionsThroughput(kind) {
		d.AddAttributeError(at.AtName("throughput"), "Throughput cannot be provisioned", fmt.Sprintf("A %s volume has no provisioned throughput: use type gp3, or leave throughput out.", kind))
	}
	if slices.Contains([]string{"io1", "io2"}, kind) && v.IOPS.IsNull() {
		d.AddAttributeError(at.AtName("iops"), "IOPS missing", fmt.Sprintf("A %s volume needs iops.", kind))
	}
	if known(v.KMSKeyID) && known(v.Encrypted) && !v.Encrypted.ValueBool() {
		d.AddAttributeError(at.AtName("kms_key_id"), "Key without encryption", "kms_key_id needs encrypted = true: set it so, or leave the key out.")
	}
}

// validateMarket refuses what spot machines cannot have.
func validateMarket(ctx context.Context, c *model, d *diag.Diagnostics) {
	m := object[market](ctx, c.Market, d)
	if m.Type.ValueString() == "on_demand" {
		for name, v := range map[string]types.String{"max_price": m.MaxPrice, "interruption": m.Interruption} {
			if known(v) {
				d.AddAttributeError(path.Root("market").AtName(name), "Spot argument without spot", name+" is for spot machines: set type = \"spot\", or remove it.")
			}
		}
	}
	p := protectionOf(c)
	if m.Type.ValueString() == "spot" && (p.Termination || p.Stop) {
		d.AddAttributeError(path.Root("protection"), "Spot machines cannot be protected",
			"AWS may take a spot machine back at any time, and EC2 refuses termination and stop protection for it: remove protection, or use type = \"on_demand\".")
	}
	if p.Stop && c.UserDataChange.ValueString() == "restart" {
		d.AddAttributeError(path.Root("user_data_change"), "Restart of a worker that must not stop",
			"protection.stop forbids the stop that user_data_change = \"restart\" needs: use \"ignore\" or \"replace\", or lift the protection.")
	}
}

func validateUserData(c *model, d *diag.Diagnostics) {
	for name, v := range map[string]types.String{"user_data": c.UserData, "user_data_base64": c.UserDataBase64, "user_data_wo": c.UserDataWO} {
		if !known(v) {
			continue
		}
		if _, err := instance.PackUserData(userData(name, v.ValueString())); err != nil {
			d.AddAttributeError(path.Root(name), "User data too large", err.Error()+". Keep what is large elsewhere, in S3 for instance, and let the machine fetch it at its first boot.")
		}
	}
	if known(c.UserDataWOVersion) && c.UserDataWO.IsNull() {
		d.AddAttributeError(path.Root("user_data_wo_version"), "Version without user data", "user_data_wo_version says which text of user_data_wo is meant: set user_data_wo, or remove the version.")
	}
}

// validateReadiness holds the wait that is asked for against the limit of the
// operation. A default of the wait needs no such check: the operation ends it.
func validateReadiness(ctx context.Context, c *model, d *diag.Diagnostics) {
	r := object[attribute.Readiness](ctx, c.Readiness, d)
	if !known(r.Timeout) || c.Timeouts.IsUnknown() {
		return
	}
	w, _ := attribute.ExpandReadiness(ctx, c.Readiness)
	create, _ := c.Timeouts.Create(ctx, defaultCreateTimeout)
	update, _ := c.Timeouts.Update(ctx, defaultUpdateTimeout)
	for _, operation := range []struct {
		name  string
		limit time.Duration
	}{{"create", create}, {"update", update}} {
		if w.Timeout > operation.limit {
			d.AddAttributeError(path.Root("readiness").AtName("timeout"), "Readiness may take longer than the operation",
				fmt.Sprintf("readiness.timeout is %s, but timeouts.%[2]s ends everything after %s: raise timeouts.%[2]s, or lower readiness.timeout.", w.Timeout, operation.name, operation.limit))
			return
		}
	}
}

// check judges at plan what needs the provider's configuration or the prior
// state.
func (p *planner) check(ctx context.Context) {
	if p.state == nil {
		p.checkDefaults(ctx)
	}
	prefix := p.set.ManagedTags().Key("")
	for key := range p.config.Tags.Elements() {
		if p.set.ManagedTags().Enabled && strings.HasPrefix(key, prefix) {
			p.diags.AddAttributeError(path.Root("tags").AtMapKey(key), "Reserved tag",
				fmt.Sprintf("Tag keys that begin with %q are kept by this provider: use another key, or another managed_tags.prefix in the provider block.", prefix))
		}
	}
	p.checkVolume(ctx)
	p.checkUserData()
	p.checkCredentials(ctx)
	p.warn(ctx)
}

func (p *planner) checkVolume(ctx context.Context) {
	if p.state == nil {
		return
	}
	want := object[rootVolume](ctx, p.plan.RootVolume, &p.diags).SizeGiB
	has := object[rootVolume](ctx, p.state.RootVolume, &p.diags).SizeGiB
	if known(want) && known(has) && want.ValueInt64() < has.ValueInt64() {
		p.diags.AddAttributeError(path.Root("root_volume").AtName("size_gib"), "A volume cannot shrink",
			fmt.Sprintf("The root volume has %d GiB and EBS volumes only grow: set size_gib to %d or more, or replace the worker (terraform apply -replace).", has.ValueInt64(), has.ValueInt64()))
	}
}

func (p *planner) checkUserData() {
	if p.state == nil || p.plan.UserDataWOVersion.Equal(p.state.UserDataWOVersion) || p.plan.UserDataWOVersion.IsNull() {
		return
	}
	if p.config.UserDataWO.IsNull() {
		p.diags.AddAttributeError(path.Root("user_data_wo"), "User data missing", "user_data_wo_version changed, so the new text must stand in user_data_wo.")
	}
}

// checkCredentials refuses a rung that cannot be reached: healthy and licensed
// are asked with a token.
func (p *planner) checkCredentials(ctx context.Context) {
	if p.plan.Readiness.IsUnknown() || p.plan.Controller.IsUnknown() || len(p.set.UnknownArguments()) > 0 {
		return
	}
	w, _ := attribute.ExpandReadiness(ctx, p.plan.Readiness)
	c := object[attribute.Controller](ctx, p.plan.Controller, &p.diags)
	if w.Until >= readiness.Healthy && c.Credentials.IsNull() && p.set.Credentials().IsZero() {
		p.diags.AddAttributeError(path.Root("readiness").AtName("until"), "No credentials for this rung",
			fmt.Sprintf("The rung %q is read with a CML account. Set username and password (or token) in the provider's controller block, or CML_USERNAME and CML_PASSWORD in the environment; or wait for \"ready\", which needs none.", w.Until))
	}
}

// warnImage speaks of the pinned image: a newer one, and a changed filter that
// nothing is known to judge by.
func (p *planner) warnImage() {
	plan, state := p.plan, p.state
	if !plan.AMIFilter.IsNull() && !plan.AMIFilter.Equal(state.AMIFilter) && p.image == nil {
		tfdiag.Warn(&p.diags, p.set, tfdiag.ImageFactsMissing, "Nothing is known about image "+state.AMIID.ValueString()+" of worker "+state.ID.ValueString()+", so the changed ami_filter changes nothing.", path.Root("ami_filter"))
	}
	onNewer, _ := plan.AMIFilter.Attributes()["on_newer"].(types.String)
	if onNewer.ValueString() == "warn" && known(state.NewerAMIID) {
		tfdiag.Warn(&p.diags, p.set, tfdiag.NewerImage, fmt.Sprintf("Worker %s runs image %s; %s is newer and matches its ami_filter. To move to it: terraform apply -replace, which loses what is on the volume.",
			state.ID.ValueString(), state.AMIID.ValueString(), state.NewerAMIID.ValueString()), path.Root("ami_filter"))
	}
}

func (p *planner) warn(ctx context.Context) {
	plan := p.plan
	if known(plan.MetadataOptions) {
		m := object[metadataOptions](ctx, plan.MetadataOptions, &p.diags)
		if m.HopLimit.ValueInt64() > 1 && (p.state == nil || !plan.MetadataOptions.Equal(p.state.MetadataOptions)) {
			tfdiag.Warn(&p.diags, p.set, tfdiag.HopLimit, fmt.Sprintf("With a hop limit of %d, nodes of labs on %s may reach the instance metadata service and the credentials behind it.", m.HopLimit.ValueInt64(), plan.Name.ValueString()),
				path.Root("metadata_options").AtName("http_put_response_hop_limit"))
		}
	}
	c := object[attribute.Controller](ctx, plan.Controller, &p.diags)
	if object[attribute.TLS](ctx, c.TLS, &p.diags).Trust.ValueString() == controller.TrustInsecure {
		tfdiag.Warn(&p.diags, p.set, tfdiag.InsecureTLS, "Credentials for "+plan.Name.ValueString()+" travel over a connection that nobody verified. Pin its certificate (trust = \"pin_first\") or verify it (trust = \"verify\" with cacert).",
			path.Root("controller").AtName("tls").AtName("trust"))
	}
	if p.state == nil {
		n := object[network](ctx, plan.Network, &p.diags)
		if known(n.PublicIP) && !n.PublicIP.ValueBool() && n.EIP.IsNull() {
			tfdiag.Warn(&p.diags, p.set, tfdiag.PrivateAddressOnly, plan.Name.ValueString()+" will have a private address only: CML is reached, and its readiness seen, only from networks with a route to it.",
				path.Root("network").AtName("public_ip"))
		}
		return
	}
	if p.config.Region.IsNull() {
		if region := p.defaultRegion(ctx); known(region) && !region.Equal(p.state.Region) {
			tfdiag.Warn(&p.diags, p.set, tfdiag.RegionDiffers, fmt.Sprintf("Worker %s is in %s and stays there, although the provider's region is %s. Set region = %q to say so, or region = %q to replace it there.",
				p.state.ID.ValueString(), p.state.Region.ValueString(), region.ValueString(), p.state.Region.ValueString(), region.ValueString()))
		}
	}
}
