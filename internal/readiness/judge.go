package readiness

import (
	"fmt"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// useless returns the error for an answer that waiting cannot better.
func (l *ladder) useless(a answer) error {
	if kind := fault.KindOf(a.err); kind == fault.Untrusted || kind == fault.Invalid || kind == fault.Bug {
		return l.final(kind, a.err, "%s", a.err)
	}
	if a.info != nil && l.lowest != nil && l.Until >= API {
		version, err := controller.ParseVersion(a.info.Version)
		if err != nil {
			l.warn(fmt.Sprintf("readiness.min_version could not be checked: CML reports %q as its version.", a.info.Version))
		} else if !version.AtLeast(*l.lowest) {
			return l.final(fault.Invalid, nil, "CML is version %s, readiness.min_version asks for %s or newer", version, l.lowest)
		}
	}
	return nil
}

// uselessAccount is useless for what only accounts get to hear.
func (l *ladder) uselessAccount(a answer) error {
	if a.health != nil && a.health.NoVirtualization() {
		return l.final(fault.Invalid, nil,
			"no compute host has virtualisation (kvm_vmx_enabled is false), so CML cannot start nodes on %s. "+
				"It takes a bare metal type, or one with nested virtualisation switched on", l.machineType())
	}
	switch kind := fault.KindOf(a.credentialsErr); {
	case a.credentialsErr == nil:
	case fault.Is(a.credentialsErr, fault.Throttled, fault.Server, fault.Unreachable, fault.Timeout, fault.Canceled):
		// The next round asks again.
	default:
		return l.final(kind, a.credentialsErr, "the credentials for CML cannot be read: %s", a.credentialsErr)
	}
	switch kind := fault.KindOf(a.accountErr); kind {
	case fault.Credentials:
		if l.Creating && a.rejected == 1 {
			return nil
		}
		return l.final(kind, a.accountErr, "%s", a.accountErr)
	case fault.Untrusted:
		text := a.accountErr.Error()
		switch {
		case l.verifies:
			text += fmt.Sprintf(". readiness.until = %q sends no credentials and works without any of this", Ready)
		case l.Creating && !l.pinned:
			text += fmt.Sprintf(". A new worker's certificate is pinned at the end of its wait, so readiness.until = %q works without any of this", Ready)
		}
		return l.final(kind, a.accountErr, "%s", text)
	case fault.Invalid, fault.Bug:
		return l.final(kind, a.accountErr, "%s", a.accountErr)
	}
	return nil
}

func (l *ladder) machineType() string {
	if l.result.Instance != nil && l.result.Instance.Type != "" {
		return "type " + l.result.Instance.Type
	}
	return "this type"
}

// judge says how high an answer reaches and what keeps it from reaching higher.
func (l *ladder) judge(a answer) (Rung, obstacle) {
	if a.err != nil {
		against := obstacle{text: words(a.err), class: class(a.err), err: a.err}
		if controller.Answered(a.err) {
			return HTTPS, against
		}
		return None, against
	}
	if !a.info.Ready {
		return API, obstacle{
			text:  fmt.Sprintf(`CML %s answers "ready": false: no compute host is able to start nodes yet`, a.info.Version),
			class: "ready:false",
		}
	}
	if !l.account {
		return Ready, obstacle{}
	}
	return l.judgeAccount(a)
}

// judgeAccount is judge for what only accounts see; CML has said "ready": true.
func (l *ladder) judgeAccount(a answer) (Rung, obstacle) {
	below := Ready
	if l.MinReadyComputes > 1 {
		below = API
	}
	if a.health == nil {
		err := a.accountErr
		if a.credentialsErr != nil {
			err = a.credentialsErr
		}
		return below, obstacle{text: words(err), class: class(err), err: err}
	}
	l.result.LicenseStatus = licenseStatus(a.health, a.licensing)
	if n := a.health.ReadyComputes(); n < l.MinReadyComputes {
		text := fmt.Sprintf("%d of %d compute hosts are ready", n, l.MinReadyComputes)
		return below, obstacle{text: text, class: text}
	}
	if ailments := a.health.Ailments(); len(ailments) > 0 {
		text := "system_health: " + join(ailments)
		return Ready, obstacle{text: text, class: text}
	}
	if licensed(a.health, a.licensing) {
		return Licensed, obstacle{}
	}
	text := licenseText(a)
	return Healthy, obstacle{text: text, class: text, err: a.accountErr}
}
