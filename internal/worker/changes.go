package worker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
)

// effect is what a change of an attribute does to the machine.
type effect int

const (
	// record only stores the value: no call is made.
	record effect = iota
	// inPlace changes the machine while it runs.
	inPlace
	// addressing is inPlace and may give the worker other addresses or another
	// URL.
	addressing
	// restart needs the machine stopped; all such changes share one stop/start.
	restart
	// replace needs a new machine.
	replace
)

// words are the effects as the documentation names them.
var words = map[effect]string{
	record:     "nothing is called",
	inPlace:    "in place, no restart",
	addressing: "in place, no restart; addresses and `revision` become unknown",
	restart:    "one stop/start for all such changes if the worker runs, none if it is stopped",
	replace:    "replacement",
}

// change is a row of the change table.
type change struct {
	attribute string // as in the configuration
	effect    effect
	note      string // for the documentation
	differs   func(d *diff) bool
}

// diff is a planned worker beside its prior state, with nested objects
// unpacked.
type diff struct {
	plan, state               *model
	planNet, stateNet         network
	planRoot, stateRoot       rootVolume
	planMeta, stateMeta       metadataOptions
	planControl, stateControl attribute.Controller
	// image are the facts of the pinned image, nil when they are not known.
	image *imageFacts
}

// pathRoot is path.MatchRoot, short.
func pathRoot(name string) path.Expression { return path.MatchRoot(name) }

// other reports whether a wished value differs from the prior one. A null wish
// wants nothing.
func other(wish, prior attr.Value) bool { return !wish.IsNull() && !wish.Equal(prior) }

// changeTable says for each argument what its change does. It is the one place
// that decides so: ModifyPlan, Update and the documentation read it.
var changeTable = []change{
	{"name", inPlace, "", func(d *diff) bool { return !d.plan.Name.Equal(d.state.Name) }},
	{"tags", inPlace, "also a change of the provider's `default_tags`", func(d *diff) bool { return !d.plan.TagsAll.Equal(d.state.TagsAll) }},
	{"monitoring", inPlace, "", func(d *diff) bool { return other(d.plan.Monitoring, d.state.Monitoring) }},
	{"metadata_options", inPlace, "", func(d *diff) bool { return d.planMeta != d.stateMeta }},
	{"security_group_ids", inPlace, "", func(d *diff) bool { return other(d.plan.SecurityGroupIDs, d.state.SecurityGroupIDs) }},
	{"iam_instance_profile", inPlace, "", func(d *diff) bool { return !d.plan.IAMInstanceProfile.Equal(d.state.IAMInstanceProfile) }},
	{"controller.tls, .via, .credentials", inPlace, "managed tags only", func(d *diff) bool {
		return !d.planControl.TLS.Equal(d.stateControl.TLS) || !d.planControl.Via.Equal(d.stateControl.Via) ||
			!d.planControl.Credentials.Equal(d.stateControl.Credentials)
	}},
	{"root_volume.size_gib, .type, .iops, .throughput", inPlace, "growth only; EBS limits how often one volume may be modified", func(d *diff) bool {
		return other(d.planRoot.SizeGiB, d.stateRoot.SizeGiB) || other(d.planRoot.Type, d.stateRoot.Type) ||
			other(d.planRoot.IOPS, d.stateRoot.IOPS) || other(d.planRoot.Throughput, d.stateRoot.Throughput)
	}},
	{"root_volume.delete_on_termination", inPlace, "", func(d *diff) bool { return other(d.planRoot.DeleteOnTermination, d.stateRoot.DeleteOnTermination) }},
	{"readiness", record, "", func(d *diff) bool { return !d.plan.Readiness.Equal(d.state.Readiness) }},
	{"allow_stop_for_update", record, "", func(d *diff) bool { return !d.plan.AllowStopForUpdate.Equal(d.state.AllowStopForUpdate) }},
	{"timeouts", record, "", func(d *diff) bool { return !d.plan.Timeouts.Equal(d.state.Timeouts) }},
	{"protection", inPlace, "", func(d *diff) bool { return protectionOf(d.plan) != protectionOf(d.state) }},
	{"license_check", record, "", func(d *diff) bool { return !d.plan.LicenseCheck.Equal(d.state.LicenseCheck) }},
	{"on_destroy", record, "", func(d *diff) bool { return !d.plan.OnDestroy.Equal(d.state.OnDestroy) }},
	{"user_data_change", record, "", func(d *diff) bool { return !d.plan.UserDataChange.Equal(d.state.UserDataChange) }},
	{"expected_cml_version", record, "", func(d *diff) bool { return !d.plan.ExpectedCMLVersion.Equal(d.state.ExpectedCMLVersion) }},
	{"user_data, user_data_base64, user_data_wo_version", record, "with `user_data_change = \"ignore\"`, the default", func(d *diff) bool { return d.userDataDoes(record) }},

	{"network.eip", addressing, "", func(d *diff) bool { return !d.planNet.EIP.Equal(d.stateNet.EIP) }},
	{"network.ipv6_address_count", addressing, "", func(d *diff) bool { return other(d.planNet.IPv6Count, d.stateNet.IPv6Count) }},
	{"network.public_ip", addressing, "", func(d *diff) bool { return publicIPChanges(d.planNet.PublicIP, d.state) }},
	{"controller.hostname, .port, .address_preference", addressing, "managed tags only", func(d *diff) bool {
		return !d.planControl.Hostname.Equal(d.stateControl.Hostname) || !d.planControl.Port.Equal(d.stateControl.Port) ||
			!d.planControl.AddressPreference.Equal(d.stateControl.AddressPreference)
	}},

	{"instance_type, instance_types", restart, "when the present type is not in the menu; refused with `allow_stop_for_update = false`", func(d *diff) bool {
		return !isSpot(d.state) && other(d.plan.InstanceType, d.state.InstanceType)
	}},
	{"nested_virtualization", restart, "when it is not as wished already", func(d *diff) bool { return d.nestedChanges() }},
	{"user_data, user_data_base64, user_data_wo_version", restart, "with `user_data_change = \"restart\"`", func(d *diff) bool { return d.userDataDoes(restart) }},

	{"instance_type, instance_types", replace, "with `market.type = \"spot\"`", func(d *diff) bool {
		return isSpot(d.state) && other(d.plan.InstanceType, d.state.InstanceType)
	}},
	{"user_data, user_data_base64, user_data_wo_version", replace, "with `user_data_change = \"replace\"`", func(d *diff) bool { return d.userDataDoes(replace) }},
	{"market", replace, "", func(d *diff) bool { return d.marketChanges() }},
	{"ami_filter", replace, "when the pinned image no longer matches", func(d *diff) bool { return d.filterChanges() }},
	{"ami_id", replace, "", func(d *diff) bool { return other(d.plan.AMIID, d.state.AMIID) }},
	{"subnet_ids", replace, "when the present subnet is not in the menu", func(d *diff) bool {
		menu := d.plan.SubnetIDs
		return !menu.IsNull() && !menu.IsUnknown() && !slices.Contains(attribute.Strings(menu), d.state.SubnetID.ValueString())
	}},
	{"network.private_ip", replace, "", func(d *diff) bool { return other(d.planNet.PrivateIP, d.state.PrivateIP) }},
	{"key_name", replace, "", func(d *diff) bool { return other(d.plan.KeyName, d.state.KeyName) }},
	{"root_volume.encrypted, .kms_key_id", replace, "", func(d *diff) bool {
		return other(d.planRoot.Encrypted, d.stateRoot.Encrypted) || other(d.planRoot.KMSKeyID, d.stateRoot.KMSKeyID)
	}},
	{"region", replace, "an explicit other value only", func(d *diff) bool { return other(d.plan.Region, d.state.Region) }},
}

// userDataDoes reports whether the user data changes and the change does this.
// User data that the state does not know, as after an import, is recorded.
func (d *diff) userDataDoes(e effect) bool {
	if d.plan.UserData.Equal(d.state.UserData) && d.plan.UserDataBase64.Equal(d.state.UserDataBase64) &&
		d.plan.UserDataWOVersion.Equal(d.state.UserDataWOVersion) {
		return false
	}
	does := record
	if !d.state.UserData.IsNull() || !d.state.UserDataBase64.IsNull() || !d.state.UserDataWOVersion.IsNull() {
		switch d.plan.UserDataChange.ValueString() {
		case "restart":
			does = restart
		case "replace":
			does = replace
		}
	}
	return does == e
}

// nestedChanges compares the wish with what is switched on, so that naming
// what is there already stops nothing.
func (d *diff) nestedChanges() bool {
	active := d.state.NestedActive.ValueBool()
	switch d.plan.Nested.ValueString() {
	case nestedEnabled:
		return !active
	case nestedDisabled:
		return active
	}
	return false
}

// isSpot reports whether the worker was bought on the spot market.
func isSpot(m *model) bool { return !m.SpotRequestID.IsNull() }

// marketChanges compares what is wished for with what the machine is. The price
// and the behaviour of a request are fixed with it.
func (d *diff) marketChanges() bool {
	if d.plan.Market.Equal(d.state.Market) || d.plan.Market.IsUnknown() {
		return d.plan.Market.IsUnknown()
	}
	kind, _ := d.plan.Market.Attributes()["type"].(types.String)
	spot := kind.ValueString() == "spot"
	if spot != isSpot(d.state) {
		return true
	}
	return spot && !d.state.Market.IsNull()
}

// filterChanges reports whether the pinned image fails a changed filter. What
// is not known about the image proves nothing.
func (d *diff) filterChanges() bool {
	if d.plan.AMIFilter.IsNull() || d.plan.AMIFilter.Equal(d.state.AMIFilter) || d.image == nil {
		return false
	}
	return !d.image.matches(d.plan.AMIFilter)
}

// publicIPChanges decides from the configuration and from what was observed: a
// worker that was imported wishes for nothing yet, and may have the address
// already.
func publicIPChanges(wish types.Bool, state *model) bool {
	if wish.IsNull() {
		return false
	}
	if prior, ok := state.Network.Attributes()["public_ip"].(types.Bool); ok && !prior.IsNull() {
		return !wish.Equal(prior)
	}
	has := !state.PublicIP.IsNull()
	if !has && state.InstanceState.ValueString() != "running" {
		// A stopped machine shows no automatic address, whatever it will get.
		return false
	}
	return wish.IsUnknown() || wish.ValueBool() != has
}

// applies returns the rows of the table that the plan changes.
func (d *diff) applies() []change {
	var out []change
	for _, row := range changeTable {
		if row.differs(d) {
			out = append(out, row)
		}
	}
	return out
}

// has reports whether one of the rows has the effect.
func has(rows []change, e effect) bool {
	return slices.ContainsFunc(rows, func(row change) bool { return row.effect == e })
}

// ChangeTable is the change table as Markdown, for the README and the
// generated documentation.
func ChangeTable() string {
	var b strings.Builder
	b.WriteString("| Argument | Effect of a change |\n|---|---|\n")
	for _, row := range changeTable {
		names := strings.Split(row.attribute, ", ")
		base, _, _ := strings.Cut(names[0], ".")
		for i, n := range names {
			if strings.HasPrefix(n, ".") {
				n = base + n
			}
			names[i] = "`" + n + "`"
		}
		text := words[row.effect]
		if row.note != "" {
			text += " (" + row.note + ")"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", strings.Join(names, ", "), text)
	}
	fmt.Fprintf(&b, "| %s | nothing: the plan is empty |\n", "the worker found stopped, its address gone, the provider's defaults changed")
	return b.String()
}
