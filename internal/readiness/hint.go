package readiness

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// hint is the next step for a wait that timed out at a rung.
func (l *ladder) hint(failed Rung) string {
	if failed >= Ready && fault.Is(l.obstacle.err, fault.Credentials) {
		return "check the user name and password, or the token, that the provider's controller argument or the worker's controller.credentials gives."
	}
	switch failed {
	case Running:
		return "look at the instance's state in EC2; it was never seen running."
	case StatusOK:
		if l.Until > StatusOK && l.result.Asked {
			return strings.TrimSpace(l.hintChecks() + " " + l.hintSilence())
		}
		return or(l.hintChecks(), "large and bare metal types take long until their checks end: allow the operation more time.")
	case HTTPS:
		return l.hintSilence()
	case API:
		return l.hintNoAPI()
	case Ready:
		switch {
		case l.result.Info == nil || !l.result.Info.Ready:
		case l.result.Health == nil:
			return "CML is ready; what failed is the question that only accounts may ask, for readiness.min_ready_computes."
		default:
			return "compute hosts that are not READY do not run, are not registered with the controller, or are being drained; readiness.min_ready_computes says how many to wait for."
		}
		return "CML runs, but none of its compute hosts is able to start nodes. Without virtualisation that never changes: use a bare metal type, or one with nested virtualisation switched on. Otherwise allow more time in readiness.timeout."
	case Healthy:
		return `what system_health calls false is named above; readiness.until = "ready" does not ask for it.`
	case Licensed:
		return `readiness.until = "licensed" is for images that register themselves. Where cml_worker_license registers the worker it comes after the worker, so wait for "ready" or "healthy" here.`
	}
	return ""
}

// hintChecks is for status checks that are not ok; "" when they only take their time.
func (l *ladder) hintChecks() string {
	if l.result.Status.System == instance.CheckImpaired || l.result.Status.Instance == instance.CheckImpaired {
		return "a check that stays impaired is a fault of the host (system) or of the operating system (instance): stopping and starting the worker moves it to another host."
	}
	return ""
}

// failed is the lowest rung that does not hold, at most Until. Checks that
// nothing was ever heard of, or that have become ok in the last moment, are
// passed over.
func (l *ladder) failed() Rung {
	if l.held == Running && l.Until > StatusOK && (l.result.Status.System == "" || l.result.Status.OK()) {
		return HTTPS
	}
	return min(l.held+1, l.Until)
}

// hintSilence is for a worker that never gave an HTTP answer, or no longer does.
func (l *ladder) hintSilence() string {
	reason := controller.Reason(l.obstacle.err)
	switch {
	case l.result.Address == "":
		return "the worker has none of the addresses that controller.address_preference asks for: associate one, or name a kind that it has."
	case l.tally.silent > 0 && l.tally.silent == l.tally.tries:
		return l.hintNoRoute()
	case reason == controller.ReasonProxy:
		return "look at controller.proxy in the provider: the proxy has to allow CONNECT to the address and port of the worker."
	case reason == controller.ReasonRefused:
		return fmt.Sprintf("the machine is reachable, but nothing listens on port %d: it is still booting or CML is not installed (allow more time in readiness.timeout, look at the console), or CML listens elsewhere (controller.port).", l.port)
	case reason == controller.ReasonTLS:
		return fmt.Sprintf("something on port %d does not complete a TLS handshake: look at controller.port, and at nginx on the machine.", l.port)
	case reason == controller.ReasonTimeout, reason == controller.ReasonNoRoute:
		return "the machine answered earlier and is silent now: it may be rebooting, overloaded or stopped from within. Look at the console."
	}
	return "connections break before an answer comes: look at nginx on the machine, and at what lies between."
}

// hintNoRoute is for attempts that only ever timed out: packets get lost, so
// this is about the way, not about the machine.
func (l *ladder) hintNoRoute() string {
	parts := []string{fmt.Sprintf(
		"every attempt timed out, so nothing gets through from where Terraform runs: a route is missing, or no security group of the worker opens TCP port %d to it.", l.port)}
	if addr, err := netip.ParseAddr(l.result.Address); err == nil && (addr.IsPrivate() || addr.IsLinkLocalUnicast()) {
		parts = append(parts, "The address is a private one: Terraform has to run inside that network or be joined to it by VPN or peering.")
	} else {
		parts = append(parts, `Where there is a way to the private address, try controller.address_preference = ["private_ip"].`)
	}
	parts = append(parts, `HCP Terraform's own runners have no route to a private network: use an agent there, or readiness.until = "status_ok".`)
	return strings.Join(parts, " ")
}

// hintNoAPI is for HTTP answers that are not those of CML's API.
func (l *ladder) hintNoAPI() string {
	if controller.Reason(l.obstacle.err) == controller.ReasonNotCML {
		return fmt.Sprintf("something else than CML answers on port %d: look at controller.port (CML's is 443; Cockpit's is 9090) and at proxies on the way.", l.port)
	}
	if e := fault.As(l.obstacle.err); e != nil && e.StatusCode == http.StatusBadGateway {
		return "nginx runs, CML's application behind it does not yet: it is still starting or has failed. Look at `systemctl status virl2.target` on the machine (SSH on port 1122), or allow more time in readiness.timeout."
	}
	return "the HTTP server runs, but not CML's application behind it: look at the machine's log, or allow more time in readiness.timeout."
}
