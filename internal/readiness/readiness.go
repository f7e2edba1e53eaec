package readiness

import (
	"context"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

const (
	// DefaultTimeout is how long CML may take from the moment that both status
	// checks are ok, or that the first HTTP answer came.
	DefaultTimeout = 10 * time.Minute
	// DefaultLoginPause is how long a refused login rests before the second try
	// of a create: the account may be made a moment later than the API.
	DefaultLoginPause = 10 * time.Second
	// DefaultProbeLimit is what a refresh may spend on asking one CML.
	DefaultProbeLimit = 3 * time.Second
)

// Options say what to wait for and for how long.
type Options struct {
	Until Rung
	// Timeout runs from the moment the machine passes EC2's status checks or
	// gives its first HTTP answer; until then only the deadline of the context
	// counts. 0 means DefaultTimeout.
	Timeout time.Duration
	// Silence is how long a machine that passes EC2's status checks may leave
	// attempts to connect without any answer; a refused one is an answer. Where
	// the checks cannot be read, or fail, it is Timeout instead, from the first
	// attempt. 0 sets no such limit.
	Silence time.Duration
	// Interval is the settled pace; first tries are faster. 0 means
	// wait.DefaultInterval.
	Interval time.Duration
	// StableFor is how long Until must hold without a miss.
	StableFor time.Duration
	// MinVersion is the lowest CML release accepted, "" for any. It is judged
	// as soon as the version is known, so from API on.
	MinVersion string
	// MinReadyComputes is the number of compute hosts that must be ready, from
	// Ready on; 0 means 1, which CML's own "ready" covers. More need credentials.
	MinReadyComputes int
	// ConsoleOutput adds the end of the machine's console to the text of a time-out.
	ConsoleOutput bool
	// Creating says that the machine is new, so that a first refused login may
	// only mean that its accounts are not made yet.
	Creating bool
	// PinFirst lets the certificate that a machine shows when it says "ready"
	// count as its pin, where the settings have neither pin nor authority and
	// trust is pin_first: credentials then travel to that certificate alone. It
	// is for machines that the caller has made itself.
	PinFirst bool
	// LoginPause replaces DefaultLoginPause; 0 means the default.
	LoginPause time.Duration
}

// Target is the worker to look at.
type Target struct {
	Instances             *instance.Client
	InstanceID, AccountID string
	// LaunchedAt is when the instance was made, if that was just now: its
	// absence is then tolerated for a while.
	LaunchedAt time.Time
	// Instance is what the caller has read a moment ago; only Probe uses it,
	// and asks EC2 when it is nil.
	Instance *instance.Instance

	Settings controller.Settings
	// Expect names the kinds of address that the configuration promises, such
	// as controller.EIP: the wait does not fall back to a later one of
	// Settings.AddressPreference while they are missing.
	Expect []string

	Credentials controller.Credentials
	// ResolveCredentials, unless nil, replaces Credentials and is called when
	// they are needed first.
	ResolveCredentials func(context.Context) (controller.Credentials, error)
	Transport          controller.Transport
	// Secrets are further texts that must not be shown, should the console
	// print them.
	Secrets []string
}

// hasCredentials reports whether there may be any.
func (t Target) hasCredentials() bool { return t.ResolveCredentials != nil || !t.Credentials.IsZero() }

func (t Target) credentials(ctx context.Context) (controller.Credentials, error) {
	if t.ResolveCredentials != nil {
		return t.ResolveCredentials(ctx)
	}
	return t.Credentials, nil
}

// Addresses are the addresses of an instance, by the kinds of
// Settings.AddressPreference.
func Addresses(i *instance.Instance) controller.Addresses {
	if i == nil {
		return controller.Addresses{}
	}
	a := controller.Addresses{PublicIP: i.PublicIP, PrivateIP: i.PrivateIP, IPv6: i.IPv6}
	if i.PublicIPIsEIP {
		a.EIP = i.PublicIP
	}
	return a
}

// Step is a rung that holds, and since when.
type Step struct {
	Rung Rung
	At   time.Time
	// After is the time from the begin of the wait.
	After time.Duration
}

// Result is what is known at the end of a wait, or of a probe, whether it
// ended well or not.
type Result struct {
	// Reached is the highest rung that holds.
	Reached Rung
	// Passed are the rungs that hold, in their order. Those that a higher one
	// implied have its time.
	Passed []Step
	// Log has a line for each change, rungs that were lost again included.
	Log      []string
	Instance *instance.Instance
	Status   instance.Status
	// Address is the one dialled last, "" when none was.
	Address string
	// Info and Health are CML's last answers, nil where there was none.
	Info   *controller.SystemInformation
	Health *controller.SystemHealth
	// Fingerprint is the SHA-256 of the certificate seen last, "" for none.
	Fingerprint string
	// LicenseStatus is one of controller.License…; unknown where nothing tells.
	LicenseStatus string
	// Last is what kept the next rung from being reached when CML was asked
	// last; nil when nothing did or CML was not asked.
	Last error
	// CredentialsErr is why a probe asked without an account although there is
	// one: its credentials could not be resolved.
	CredentialsErr error
	// Asked says that CML was asked at all.
	Asked bool
	// Pending says that a wait ended before its rung was reached for good.
	Pending bool
	// Warnings are sentences for the user about what could not be checked.
	Warnings []string
}

// ConnectTimedOut reports whether nothing came back from the machine at all,
// as behind a missing route or a closed security group.
func (r Result) ConnectTimedOut() bool {
	switch controller.Reason(r.Last) {
	case controller.ReasonTimeout, controller.ReasonNoRoute:
		return true
	}
	return false
}

// settled are the options with their defaults.
type settled struct {
	Options
	lowest  *controller.Version
	account bool // Until needs answers that only accounts get
}

func (o Options) settle(t Target) (settled, []string, error) {
	out := settled{Options: o}
	if out.Timeout <= 0 {
		out.Timeout = DefaultTimeout
	}
	if out.Interval <= 0 {
		out.Interval = wait.DefaultInterval
	}
	if out.LoginPause <= 0 {
		out.LoginPause = DefaultLoginPause
	}
	if o.MinVersion != "" {
		lowest, err := controller.ParseVersion(o.MinVersion)
		if err != nil {
			return out, nil, fault.New(fault.Invalid, "readiness.min_version: %w", err)
		}
		out.lowest = &lowest
	}
	if !t.hasCredentials() {
		if o.Until.NeedsCredentials() {
			return out, nil, fault.New(fault.Credentials,
				"readiness.until = %q needs credentials for CML, and there are none: "+
					"set user name and password, or a token, in the provider's controller block or by controller.credentials; %q needs none",
				o.Until, Ready)
		}
		if o.MinReadyComputes > 1 && o.Until == Ready {
			return out, []string{"readiness.min_ready_computes could not be checked: only accounts see the compute hosts, and there are no credentials for CML."}, nil
		}
	}
	out.account = o.Until.NeedsCredentials() || o.Until == Ready && o.MinReadyComputes > 1
	return out, nil, nil
}

func (s settled) pace() wait.Pace { return wait.Pace{Interval: s.Interval} }
