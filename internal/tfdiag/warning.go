package tfdiag

import (
	"fmt"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
)

// Warning is one kind of warning. Its summary is static, so that Terraform
// prints one of a kind and "n more similar"; its code silences it.
type Warning struct {
	// Code is what `suppress_warnings` takes, printed in brackets at the end
	// of the text.
	Code string
	// Summary is the first line.
	Summary string
	// Meaning says, for the documentation, when it appears.
	Meaning string
}

// The warnings of this provider, by what they are about.
var (
	// Configuration and credentials.

	UnknownConfiguration = Warning{"unknown_configuration", "Provider configuration not known yet",
		"An argument of the provider has a value that is known only after apply. Refresh keeps the state as it is."}
	EmptyAssumeRole = Warning{"empty_assume_role", "Block assume_role without role",
		"A single `assume_role` block has no `role_arn`; it is left out, as `provider \"aws\"` does."}
	RegionDiffers = Warning{"region_differs", "Region of state and provider differ",
		"The region of the provider changed, and the resource names none: it stays where it is."}
	RegionFailed = Warning{"region_failed", "A region could not be read",
		"`cml_workers`, or the list of `cml_worker`, reads several regions, and one of them did not answer. Its workers are unknown, not missing."}
	NotReadable = Warning{"not_readable", "Part of a worker could not be read",
		"A permission is missing, or a service did not answer. The values are null."}
	InsecureTLS = Warning{"insecure_tls", "Certificate of CML is not verified",
		"`tls.trust = \"insecure\"` sends credentials over a connection that nobody verified."}

	// Launch and plan.

	LiveWorkerSameName = Warning{"live_worker_same_name", "A worker of this name exists already",
		"EC2 has a live instance with this provider's marker tags and this name, for instance from a run that was killed. The text names the import command."}
	NoVirtualization = Warning{"no_virtualization", "Instance type without virtualisation",
		"The instance type has neither bare metal nor nested virtualisation; CML does not become ready on it."}
	BareMetal = Warning{"bare_metal", "Bare metal takes long",
		"A bare metal instance takes much longer to start, stop and check than a virtual one."}
	PrivateAddressOnly = Warning{"private_address_only", "Worker will have a private address only",
		"No public address is planned, so CML is reached only from networks with a route to it."}
	PortClosed = Warning{"port_closed", "No rule opens the port of CML",
		"No rule of the security groups lets traffic to the port of CML in, or none of the groups exists in the region."}
	HopLimit = Warning{"hop_limit", "Metadata hop limit above 1",
		"`http_put_response_hop_limit` above 1 lets the nodes of a lab reach the credentials of the instance."}
	CapabilityUnknown = Warning{"capability_unknown", "Instance type not known",
		"EC2 does not know the instance type, or what it can do could not be read."}
	Preflight = Warning{"preflight", "Launch would fail",
		"The dry run of RunInstances was refused, and `guardrails.preflight` is `warn`."}
	QuotaShort = Warning{"quota_short", "Quota too small",
		"The vCPU quota of the account does not cover the worker, and `guardrails.quota_check` is `warn`."}
	TypesSkipped = Warning{"types_skipped", "Instance types are left out",
		"Some entries of `instance_types` are refused by the guard rails, or not offered in the zones of the subnets. The others are used."}
	PriceUnknown = Warning{"price_unknown", "Price not known",
		"The price list could not be read, or does not have the price: a permission is missing, or AWS serves no list there. An estimate is null, or a limit of costs was not checked."}
	CheckSkipped = Warning{"check_skipped", "A check of the plan could not be made",
		"AWS did not answer the question of a check, for instance because a permission is missing. The text names it."}
	NewerImage = Warning{"newer_image", "Newer image found",
		"`ami_filter.on_newer` is `warn`, and an image newer than the worker's matches."}
	ImageFactsMissing = Warning{"image_facts_missing", "Image could not be read",
		"The facts of the worker's image are not known, so that a changed `ami_filter` is taken as no change."}

	// Change.

	RunningNodesStop = Warning{"running_nodes_stop", "Running nodes will be interrupted",
		"This plan stops, restarts or reboots a running worker, or an action stops its labs; the nodes of its labs are interrupted."}
	AddressChange = Warning{"address_change", "Public address will change",
		"This plan stops and starts a worker without Elastic IP, so that its public address changes."}
	LabsLost = Warning{"labs_lost", "Labs go with the volume",
		"Replacing or destroying the worker deletes the labs on its volume."}
	LicenseReregister = Warning{"license_reregister", "Licence will need to be registered again",
		"The worker is replaced; its licence token must still be valid then."}
	SkipOSShutdown = Warning{"skip_os_shutdown", "Worker will stop without shutdown",
		"`skip_os_shutdown` and `force` may lose data that was not written yet."}
	ExternalChange = Warning{"external_change", "Something else stops or starts this worker",
		"An idle policy or a schedule acts on the worker while `on_external_change` is `correct`."}
	DrainIncomplete = Warning{"drain_incomplete", "Worker was not drained before its stop",
		"A part of `stop.drain` was not possible, and `on_busy` is `ignore`."}
	MaintenanceStays = Warning{"maintenance_stays", "Maintenance mode stays on",
		"`cml_worker_maintenance` was to end the maintenance mode of CML, and a person has switched it on."}
	DrainLeft = Warning{"drain_left", "Maintenance mode of a drain is left",
		"CML may still be in the maintenance mode, or show the notice, of `stop.drain`."}
	ScheduleChanged = Warning{"schedule_changed", "Schedule of a worker was changed",
		"Something changed a schedule of a `cml_worker_schedule` outside of Terraform, in a way that no argument shows; the plan puts it back."}
	ScheduleLeft = Warning{"schedule_left", "Schedules of a worker that is gone remain",
		"The worker of a `cml_worker_schedule` does not exist any more. Its schedules fail at each of their times until the resource is destroyed."}
	IdlePolicyChanged = Warning{"idle_policy_changed", "Alarms of an idle policy were changed",
		"Something changed the alarms of a `cml_worker_idle_policy` outside of Terraform, in a way that no argument shows; the plan puts them back."}
	IdlePolicyLeft = Warning{"idle_policy_left", "Alarms of a worker that is gone remain",
		"The worker of a `cml_worker_idle_policy` does not exist any more. Its alarms cost money until the resource is destroyed."}
	StopProtected = Warning{"stop_protected", "Nothing can stop a protected worker",
		"A worker has stop protection since its `cml_worker_idle_policy`, or a `cml_worker_schedule` that stops it, was made. EC2 refuses what they ask for."}
	TagsIncomplete = Warning{"tags_incomplete", "A tag could not be written",
		"The change itself was made; a tag that tells about it is missing."}
	SurvivingVolumes = Warning{"surviving_volumes", "Volumes remain",
		"Volumes that were attached later are not deleted with the worker."}
	FinalSnapshot = Warning{"final_snapshot", "Final snapshot taken",
		"Names the snapshots that remain after a destroy."}
	SnapshotsRetained = Warning{"snapshots_retained", "Snapshots remain",
		"`retain` of a destroyed `cml_worker_snapshot` leaves its snapshots; the text names them."}
	SnapshotsMissing = Warning{"snapshots_missing", "Snapshots are missing",
		"Some snapshots of a `cml_worker_snapshot` do not exist any more, or have failed; a restore from it is not complete."}

	// Readiness and CML.

	ReadinessPending = Warning{"readiness_pending", "Worker is not ready yet",
		"The wait for CML did not finish; the next apply resumes it."}
	WorkerTainted = Warning{"worker_tainted", "The worker exists and costs money",
		"The wait of a creation failed: Terraform marks the worker as tainted and will replace it, unless it is untainted."}
	HealthUnknown = Warning{"health_unknown", "Health of CML could not be read",
		"CML answered, but not with what an administrator's account would see."}
	MetricsUnknown = Warning{"metrics_unknown", "Metrics of CML worker could not be read",
		"CloudWatch refused a question of `cml_worker_metrics`, for instance because a permission is missing. The text names it."}
	ClockSkew = Warning{"clock_skew", "Clocks differ",
		"The clock of CML and the one of this machine differ by more than a minute."}
	TokenUnavailable = Warning{"token_unavailable", "No token of CML",
		"The worker does not run, or CML does not answer; `token` of `cml_worker_token` is null."}
	TokenExpired = Warning{"token_expired", "Session with CML is over",
		"CML ended the session of a `cml_worker_token` while the run still went on."}
	LogoutFailed = Warning{"logout_failed", "Session with CML stays open",
		"CML did not end the session of a `cml_worker_token` with `logout`."}
	LicenseExpires = Warning{"license_expires", "Licence expires soon",
		"The licence has less than 14 days left."}
	LicenseCheck = Warning{"license_check", "No valid licence",
		"`license_check` is `warn`, and CML reports no valid licence."}
	LicenseNotReleased = Warning{"license_not_released", "Licence may still be counted",
		"The licence could not be released; the text names the account and the UDI to remove by hand."}
	LicenseOutOfCompliance = Warning{"license_out_of_compliance", "Licence out of compliance",
		"The account has fewer licences than are in use."}
	LicenseUnfinished = Warning{"license_unfinished", "Licence is not registered yet",
		"The wait for a registration was cancelled; the next apply goes on with it."}
	LicenseUDIChanged = Warning{"license_udi_changed", "UDI of CML has changed",
		"The id under which the licence servers count a worker is another one than before, so that both may be counted."}
	LicenseUDIShared = Warning{"license_udi_shared", "Two workers under one UDI",
		"Two workers are registered under one UDI, as machines from one image of a registered worker are. The licence servers take them for one product."}
	SpotLicense = Warning{"spot_license", "Spot and licence together",
		"A spot machine is licensed. When AWS takes it back, its licence is not given back."}
	InheritedLicense = Warning{"inherited_license", "Licence registration was inherited",
		"CML was registered before this instance was launched, so the registration belongs to the machine its image was made from."}
)

// warnings is the table, in the order of the documentation.
var warnings = []Warning{
	UnknownConfiguration, EmptyAssumeRole, RegionDiffers, RegionFailed, NotReadable, InsecureTLS,
	LiveWorkerSameName, NoVirtualization, BareMetal, PrivateAddressOnly, PortClosed, HopLimit,
	CapabilityUnknown, TypesSkipped, PriceUnknown, CheckSkipped, Preflight, QuotaShort, NewerImage, ImageFactsMissing,
	RunningNodesStop, AddressChange, LabsLost, LicenseReregister, SkipOSShutdown, ExternalChange, DrainIncomplete, DrainLeft, MaintenanceStays, IdlePolicyChanged, IdlePolicyLeft, ScheduleChanged, ScheduleLeft, StopProtected, TagsIncomplete, SurvivingVolumes, FinalSnapshot,
	SnapshotsRetained, SnapshotsMissing,
	ReadinessPending, WorkerTainted, HealthUnknown, MetricsUnknown, ClockSkew, TokenUnavailable, TokenExpired, LogoutFailed, LicenseExpires, LicenseCheck, LicenseNotReleased, LicenseOutOfCompliance, LicenseUnfinished, LicenseUDIChanged, LicenseUDIShared, SpotLicense, InheritedLicense,
}

// Warnings returns every kind of warning, in the order of the documentation.
func Warnings() []Warning { return slices.Clone(warnings) }

// Codes returns the codes that `suppress_warnings` takes, in order.
func Codes() []string {
	codes := make([]string, len(warnings))
	for i, w := range warnings {
		codes[i] = w.Code
	}
	return codes
}

// Warn adds a warning to diags unless its code is suppressed. set may be nil.
// The text ends with the code in brackets. A path makes it point at an
// argument.
func Warn(diags *diag.Diagnostics, set interface{ Suppressed(code string) bool }, w Warning, detail string, at ...path.Path) {
	if set != nil && set.Suppressed(w.Code) {
		return
	}
	text := fmt.Sprintf("%s [%s]", detail, w.Code)
	if len(at) > 0 {
		diags.AddAttributeWarning(at[0], w.Summary, text)
		return
	}
	diags.AddWarning(w.Summary, text)
}
