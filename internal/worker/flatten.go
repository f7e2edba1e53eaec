package worker

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/readiness"
)

// found is what was read of a worker: the machine, its root volume, and CML.
type found struct {
	instance *instance.Instance
	volume   *instance.Volume // nil: not read
	// allocation is that of the Elastic IP, "" for none.
	allocation string
	image      *imageFacts          // nil: not known
	protection *instance.Protection // nil: not read
	// service is nil when CML was not asked.
	service *service
}

// service is what a probe or a wait saw of CML.
type service struct {
	status  string
	version string
	ready   *bool
	// seen is the certificate that CML showed.
	seen string
	// pin is the certificate to record, of a worker that we created and whose
	// wait has just ended.
	pin string
}

func newService(r readiness.Result, status string) *service {
	s := &service{status: status, seen: r.Fingerprint}
	if r.Info != nil {
		s.version, s.ready = r.Info.Version, &r.Info.Ready
	}
	return s
}

// flatten is the only place that turns an instance into a model. Arguments
// that EC2 does not tell come from prior.
func flatten(ctx context.Context, set *clients.Set, f found, prior *model, diags *diag.Diagnostics) *model {
	i := f.instance
	m := *prior
	m.ID, m.ARN, m.AccountID, m.Region = attribute.String(i.ID), attribute.String(i.ARN), attribute.String(i.AccountID), attribute.String(i.Region)
	m.AMIID, m.InstanceType, m.KeyName = attribute.String(i.ImageID), attribute.String(i.Type), attribute.String(i.KeyName)
	m.Name = attribute.String(i.Name())
	m.SecurityGroupIDs = attribute.StringSet(i.SecurityGroupIDs)
	m.IAMInstanceProfile = profile(i, prior.IAMInstanceProfile)
	m.Monitoring = types.BoolValue(i.Monitoring)
	if i.Metadata.HTTPTokens != "" {
		was := object[metadataOptions](ctx, prior.MetadataOptions, diags)
		m.MetadataOptions = newObject(ctx, metadataTypes, metadataOptions{
			HTTPTokens: types.StringValue(i.Metadata.HTTPTokens), HopLimit: told(i.Metadata.HopLimit, was.HopLimit),
		}, diags)
	}
	m.RootVolume = flattenVolume(ctx, f, prior, diags)

	own, managed := splitTags(set, i.Tags, prior.Managed)
	m.TagsAll, m.Managed = attribute.StringMap(own), attribute.StringMap(managed)
	if tags := attribute.WithoutDefaults(own, set.DefaultTags(), attribute.Map(prior.Tags)); len(tags) > 0 || !prior.Tags.IsNull() {
		m.Tags = attribute.StringMap(tags)
	}

	m.InstanceState, m.Status, m.StateReason = attribute.String(i.State), attribute.String(i.Status()), attribute.String(i.Why())
	m.SubnetID, m.VPCID, m.AvailabilityZone = attribute.String(i.SubnetID), attribute.String(i.VPCID), attribute.String(i.AvailabilityZone)
	m.NetworkInterfaceID, m.RootVolumeID = attribute.String(i.NetworkInterfaceID), attribute.String(i.RootVolumeID)
	m.PublicIP, m.PublicDNS = attribute.String(i.PublicIP), attribute.String(i.PublicDNS)
	m.PrivateIP, m.PrivateDNS, m.IPv6Address = attribute.String(i.PrivateIP), attribute.String(i.PrivateDNS), attribute.String(i.IPv6)
	m.EIPAllocationID = attribute.String(f.allocation)
	m.LaunchTime = attribute.Time(i.LaunchTime)
	m.SpotRequestID = attribute.String(i.SpotRequestID)
	m.NestedActive = types.BoolValue(i.NestedVirtualization == nestedEnabled)
	if m.Nested.IsNull() || m.Nested.IsUnknown() {
		m.Nested = types.StringValue(instance.LaunchNestedAuto)
	}
	if f.image != nil {
		m.AMIName, m.AMICMLVersion = attribute.String(f.image.Name), attribute.String(f.image.CMLVersion)
	}
	if f.protection != nil {
		m.Protection = flattenProtection(ctx, *f.protection, prior, diags)
	}

	m.Controller = flattenController(ctx, set, f, prior, managed, diags)
	settings, d := attribute.ExpandController(ctx, m.Controller)
	diags.Append(d...)
	address := dialled(i, settings)
	m.Address = attribute.String(address)
	m.URL = attribute.String(settings.URL(address))
	flattenService(&m, f, address)
	keepLicense(&m)
	return &m
}

// flattenProtection keeps the members that the configuration leaves out as they
// are, unless they are on.
func flattenProtection(ctx context.Context, p instance.Protection, prior *model, diags *diag.Diagnostics) types.Object {
	was := object[protection](ctx, prior.Protection, diags)
	if known(was.Termination) || p.Termination {
		was.Termination = types.BoolValue(p.Termination)
	}
	if known(was.Stop) || p.Stop {
		was.Stop = types.BoolValue(p.Stop)
	}
	return newObject(ctx, prior.Protection.AttributeTypes(ctx), was, diags)
}

// dialled is the address to dial. A machine that does not run has one only if
// it is the one that it will have again.
func dialled(i *instance.Instance, s controller.Settings) string {
	a := addresses(i)
	if i.State != instance.StateRunning && i.State != instance.StatePending && !s.AddressIsFixed(a) {
		return ""
	}
	return s.Pick(a)
}

// profile keeps a configured ARN and otherwise names the profile.
func profile(i *instance.Instance, configured types.String) types.String {
	if strings.HasPrefix(configured.ValueString(), "arn:") && configured.ValueString() == i.IAMInstanceProfileARN {
		return configured
	}
	return attribute.String(i.IAMInstanceProfileName)
}

func flattenVolume(ctx context.Context, f found, prior *model, diags *diag.Diagnostics) types.Object {
	if f.volume == nil {
		return prior.RootVolume
	}
	was := object[rootVolume](ctx, prior.RootVolume, diags)
	if known(was.Type) && was.Type.ValueString() != f.volume.Type {
		// The figures of another volume type say nothing about this one.
		was.IOPS, was.Throughput = types.Int64Null(), types.Int64Null()
	}
	v := rootVolume{
		SizeGiB: told(f.volume.SizeGiB, was.SizeGiB), Type: attribute.String(f.volume.Type),
		IOPS: told(f.volume.IOPS, was.IOPS), Throughput: told(f.volume.Throughput, was.Throughput),
		Encrypted: types.BoolValue(f.volume.Encrypted), KMSKeyID: attribute.String(f.volume.KMSKeyID),
		DeleteOnTermination: types.BoolValue(true),
	}
	// What follows from type and size alone cannot be chosen, and a configuration
	// that is generated from the state must not have it.
	if known(v.Type) && !provisionsIOPS(f.volume.Type) {
		v.IOPS = types.Int64Null()
	}
	if known(v.Type) && !provisionsThroughput(f.volume.Type) {
		v.Throughput = types.Int64Null()
	}
	for _, attached := range f.instance.Volumes {
		if attached.VolumeID == f.volume.ID {
			v.DeleteOnTermination = types.BoolValue(attached.DeleteOnTermination)
		}
	}
	if !f.volume.EncryptionTold {
		// A server that leaves it out has not decrypted anything.
		v.Encrypted = orElse(was.Encrypted, v.Encrypted)
	}
	// EC2 answers with the key's ARN, whatever name the configuration uses.
	if v.Encrypted.ValueBool() && known(was.KMSKeyID) && sameKey(was.KMSKeyID.ValueString(), f.volume.KMSKeyID) {
		v.KMSKeyID = was.KMSKeyID
	}
	return newObject(ctx, rootVolumeTypes, v, diags)
}

// told is a figure that is never zero, or the last one known where the answer
// leaves it out, as it may: what nobody tells has not changed.
func told(n int32, was types.Int64) types.Int64 {
	switch {
	case n > 0:
		return types.Int64Value(int64(n))
	case known(was):
		return was
	}
	return types.Int64Null()
}

// sameKey reports whether a configured key may be the one that an answer names,
// which EC2 does by its ARN, others also by its id or not at all. An alias
// cannot be resolved without KMS, so it counts as the same.
func sameKey(configured, answer string) bool {
	return configured == answer || answer == "" || strings.Contains(configured, "alias/") ||
		strings.HasSuffix(answer, ":key/"+configured) || strings.HasSuffix(configured, ":key/"+answer)
}

// flattenController completes the object with what the managed tags say, so
// that an import knows it, and with the certificate that a wait has pinned.
func flattenController(ctx context.Context, set *clients.Set, f found, prior *model, managed map[string]string, diags *diag.Diagnostics) types.Object {
	before, d := attribute.ExpandController(ctx, prior.Controller)
	diags.Append(d...)
	layers := []controller.Settings{before}
	if prior.Controller.IsNull() || prior.Controller.IsUnknown() {
		layers = append(layers, tagSettings(set, managed), set.Controller())
	}
	s := controller.Merge(append(layers, controller.Defaults())...)
	if s.TLS.Trust == controller.TrustPinFirst && s.TLS.Fingerprint == "" && f.service != nil {
		s.TLS.Fingerprint = f.service.pin
	}
	s.TLS.CACert, s.TLS.ServerName = before.TLS.CACert, before.TLS.ServerName
	return attribute.FlattenController(s)
}

// tagSettings reads the controller settings out of managed tags.
func tagSettings(set *clients.Set, managed map[string]string) controller.Settings {
	plain := map[string]string{}
	for k, v := range managed {
		plain[strings.TrimPrefix(k, set.ManagedTags().Key(""))] = v
	}
	return controller.SettingsFromTags(plain)
}

// addresses are those that the machine has now.
func addresses(i *instance.Instance) controller.Addresses {
	a := controller.Addresses{PublicIP: i.PublicIP, PrivateIP: i.PrivateIP, IPv6: i.IPv6}
	if i.PublicIPIsEIP {
		a.EIP = i.PublicIP
	}
	return a
}

func flattenService(m *model, f found, address string) {
	running := f.instance.State == instance.StateRunning
	switch {
	case !running:
		m.ServiceStatus = types.StringValue(readiness.ServiceUnavailable)
		m.CMLReady = types.BoolValue(false)
	case f.service != nil:
		m.ServiceStatus = types.StringValue(f.service.status)
		if f.service.version != "" {
			m.CMLVersion = types.StringValue(f.service.version)
		}
		m.CMLReady = types.BoolPointerValue(f.service.ready)
	case m.ServiceStatus.IsNull(), m.ServiceStatus.IsUnknown():
		m.ServiceStatus = types.StringValue(readiness.ServiceUnknown)
	}
	m.Connectable = types.BoolValue(running && m.ServiceStatus.ValueString() == "available" && address != "")
	if m.CMLVersion.IsUnknown() {
		m.CMLVersion = types.StringNull()
	}
	if m.CMLReady.IsUnknown() {
		m.CMLReady = types.BoolNull()
	}
}
