// Package idle decides whether anybody uses a worker. Who cannot be sure
// answers "unknown", and never that the worker may stop.
package idle

import (
	"regexp"
	"slices"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// The defaults of Options.
const (
	DefaultThreshold = 30 * time.Minute
	DefaultWarning   = 20 * time.Minute
	DefaultSnooze    = time.Hour
	// MaxThreshold bounds Threshold, Warning and Snooze.
	MaxThreshold = 30 * 24 * time.Hour
	// MaxSkew is how far clocks may differ before somebody should look at them.
	MaxSkew = time.Minute
	// DefaultExcludePattern fits the ids of CML's built-in accounts.
	DefaultExcludePattern = `^00000000-0000-.*`
	// PublisherUser is what the publisher's account is called in the examples.
	PublisherUser = "cml-publisher"
	// MarkerDetection is the managed tag, without prefix, that switches the
	// detection off with the value MarkerDisabled.
	MarkerDetection = "idle-detection"
	MarkerDisabled  = "disabled"
)

// userActivity is the category of logins and API calls, the only one whose
// events tell who caused them.
const userActivity = "user_activity"

// Categories returns the categories of telemetry that count as activity where
// nobody says otherwise.
func Categories() []string {
	return []string{
		"start_lab", "stop_lab", "import_lab", "export_lab", "start_node", "stop_node", "queue_node", "boot_node",
		"wipe_node", "packet_capture", userActivity,
	}
}

// KnownCategories returns all that CML has, those that are noise included
// (cml-api.md 7.1).
func KnownCategories() []string {
	return append(Categories(),
		"license_info", "maintenance_state_change", "notice_state_change", "running_nodes", "resource_pool", "user_group",
		"system_stats", "blkinfo", "vmware", "dmiinfo", "cpuinfo", "meminfo", "hypervisor", "aaa_info", "lab_autostart")
}

// Reasons of a Decision.
const (
	Active   = "active"   // used, or kept awake
	Warning  = "warning"  // unused for longer than Options.Warning
	Idle     = "idle"     // unused for longer than Options.Threshold
	Snoozed  = "snoozed"  // idle, but started a short while ago
	Disabled = "disabled" // the detection is off
	Stopped  = "stopped"  // does not run
	Unknown  = "unknown"  // something could not be read
)

// Options are the rules.
type Options struct {
	Threshold, Warning, Snooze time.Duration
	Enabled, Wake              bool
	// Categories of events that count; nil means Categories().
	Categories []string
	// ExcludePattern fits ids of users whose user_activity does not count; nil fits none.
	ExcludePattern *regexp.Regexp
	// ExcludeUsers are names or ids of further such users. OwnUser adds the one
	// that asks and PublisherUser, if there is one.
	ExcludeUsers []string
	OwnUser      bool
	// NodesKeepAwake: a worker with running nodes is in use.
	NodesKeepAwake bool
	// CPUKeepAwake: so is one whose processors are that busy, in percent; nil
	// does not look.
	CPUKeepAwake *float64
}

// Defaults are the rules where nobody says otherwise.
func Defaults() Options {
	return Options{
		Threshold: DefaultThreshold, Warning: DefaultWarning, Snooze: DefaultSnooze, Enabled: true,
		ExcludePattern: regexp.MustCompile(DefaultExcludePattern), OwnUser: true, NodesKeepAwake: true,
	}
}

// counts says whether an event is an activity; excluded are ids of users.
func (o Options) counts(category, userID string, excluded []string) bool {
	categories := o.Categories
	if categories == nil {
		categories = Categories()
	}
	if !slices.Contains(categories, category) {
		return false
	}
	if category != userActivity || userID == "" {
		return true
	}
	return !slices.Contains(excluded, userID) && (o.ExcludePattern == nil || !o.ExcludePattern.MatchString(userID))
}

// needsLoad says whether the load of CML matters.
func (o Options) needsLoad() bool { return o.NodesKeepAwake || o.CPUKeepAwake != nil }

// Observation is what was seen of a worker.
type Observation struct {
	// State is the EC2 state, Started the last start; both as EC2 says.
	State   string
	Started time.Time
	// Disabled: a tag switches the detection off.
	Disabled bool
	// Read says that the telemetry was read to its end; the members below are
	// of no use without. Err says why it was not.
	Read bool
	Err  error
	// Now is CML's clock, Local the one here.
	Now, Local time.Time
	// Last is the newest activity, zero for none; Category and UserID tell of it.
	Last             time.Time
	Category, UserID string
	// Nodes and CPUPercent are nil where they were not read.
	Nodes      *int
	CPUPercent *float64
	// Notes are sentences for the user about what could not be looked up.
	Notes []string
}

// Skew is how far CML's clock is ahead of the one here.
func (s Observation) Skew() time.Duration { return s.Now.Sub(s.Local) }

// Decision is what follows. Zero times and nil members are not known.
type Decision struct {
	Reason        string
	Idle, Warning *bool
	IdleFor       *time.Duration
	// Since is the last activity, of the machine's start where telemetry has none.
	Since time.Time
	// StopDue is when the worker will be idle if nothing happens.
	StopDue time.Time
	// Recommended is "running" or "stopped".
	Recommended string
}

// Decide decides from what was seen. It recommends to stop
// only a running worker of which everything that matters was read.
func Decide(o Options, s Observation) Decision {
	if s.State == instance.StateStopped || s.State == instance.StateStopping {
		d := Decision{Reason: Stopped, Recommended: instance.StateStopped}
		if o.Wake {
			d.Recommended = instance.StateRunning
		}
		return d
	}
	d := Decision{Reason: Unknown, Recommended: instance.StateRunning}
	off := !o.Enabled || s.Disabled
	if off {
		d.Reason = Disabled
	}
	if s.State != instance.StateRunning || !s.Read || s.Now.IsZero() || s.Started.IsZero() {
		return d
	}
	d.Since = s.Last
	if d.Since.IsZero() {
		// EC2 tells that time, so a clock of CML that is ahead must not age it.
		d.Since = s.Started.Add(max(0, s.Skew()))
	}
	idleFor := max(0, s.Now.Sub(d.Since))
	d.IdleFor = &idleFor
	awake, known := o.awake(s)
	if !known {
		return d
	}
	idle, warning := !awake && idleFor >= o.Threshold, !awake && idleFor >= o.Warning
	d.Idle, d.Warning = &idle, &warning
	if off {
		return d
	}
	if !awake {
		d.StopDue = later(d.Since.Add(o.Threshold), s.Started.Add(o.Snooze))
	}
	switch {
	case idle && o.snoozed(s):
		d.Reason = Snoozed
	case idle:
		d.Reason, d.Recommended = Idle, instance.StateStopped
	case warning:
		d.Reason = Warning
	default:
		d.Reason = Active
	}
	return d
}

// awake says whether nodes or processors keep the worker in use, and whether
// that is known.
func (o Options) awake(s Observation) (awake, known bool) {
	if o.NodesKeepAwake {
		if s.Nodes == nil {
			return false, false
		}
		awake = *s.Nodes > 0
	}
	if o.CPUKeepAwake != nil {
		if s.CPUPercent == nil {
			return false, false
		}
		awake = awake || *s.CPUPercent >= *o.CPUKeepAwake
	}
	return awake, true
}

// snoozed says that the last start is too recent. EC2 tells that time, so a
// clock of CML that is ahead must not cut it short.
func (o Options) snoozed(s Observation) bool {
	end := s.Started.Add(o.Snooze)
	return o.Snooze > 0 && (s.Now.Before(end) || s.Local.Before(end))
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
