package insight

import (
	"context"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// askLimit is what all questions of one look at CML may take together.
const askLimit = time.Minute

// Reasons beside those of controller.Reason.
const (
	reasonNotRunning    = "not_running"
	reasonNoAddress     = "no_address"
	reasonNotReady      = "not_ready"
	reasonNoCredentials = "no_credentials"
	reasonCredentials   = "credentials"
	reasonUntrusted     = "untrusted"
	reasonForbidden     = "forbidden"
	reasonNotCML        = controller.ReasonNotCML
)

// checkup is what CML said. nil members were not read.
type checkup struct {
	info        *controller.SystemInformation
	fingerprint string
	health      *controller.SystemHealth
	stats       *controller.SystemStats
	labsTotal   *int
	labsStarted *int
	// reason and message say why something is missing.
	reason, message string
	// refused: there are credentials, and CML, which is ready, did not tell
	// everything all the same.
	refused bool
}

// lacks notes the first reason why something is missing.
func (c *checkup) lacks(reason, message string) {
	if c.reason == "" {
		c.reason, c.message = reason, message
	}
}

// ask looks at CML once and, where there is an account for it, asks what only
// accounts get to hear with account, which runs on a session. An error is a certificate that is not the pinned one,
// settings that make no sense, or the end of the context.
func (b *base) ask(ctx context.Context, s sight, settings controller.Settings, account func(*checkup, context.Context, *controller.Client)) (checkup, error) {
	var c checkup
	if s.machine.State != instance.StateRunning {
		c.lacks(reasonNotRunning, "the worker is "+s.machine.State)
		return c, nil
	}
	ip := address(s.machine, settings)
	if ip == "" {
		c.lacks(reasonNoAddress, "the worker has none of the addresses of controller.address_preference")
		return c, nil
	}
	limited, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	open := controller.New(ip, settings, controller.Credentials{}, b.set.Transport())
	defer open.Close()
	info, err := open.SystemInformation(limited)
	c.fingerprint = open.Fingerprint()
	switch {
	case ctx.Err() != nil:
		return c, context.Cause(ctx)
	case fault.Is(err, fault.Untrusted, fault.Invalid):
		return c, err
	case err != nil:
		c.lacks(why(err), words(err))
		return c, nil
	}
	c.info = &info
	if !info.Ready {
		c.lacks(reasonNotReady, "CML says that it is not ready to start nodes yet")
		return c, nil // nobody logs in before that (cml-api.md 3.1)
	}
	resolve := b.set.CredentialsFor(s.ec2.Region(), settings)
	if resolve == nil {
		c.lacks(reasonNoCredentials, "there are no credentials for CML")
		return c, nil
	}
	credentials, err := resolve(limited)
	if err != nil {
		c.refused = true
		c.lacks(reasonNoCredentials, "the credentials for CML cannot be read: "+err.Error())
		return c, context.Cause(ctx)
	}
	client := controller.New(ip, settings, credentials, b.set.Transport())
	defer client.Close()
	// One login that fails says all: further tries may lock the account.
	if err := client.Authenticate(limited); err != nil {
		c.fails(err)
		return c, context.Cause(ctx)
	}
	account(&c, limited, client)
	return c, context.Cause(ctx)
}

// fails notes an error of a question that only accounts may ask.
func (c *checkup) fails(err error) bool {
	if err != nil {
		c.refused = true
		c.lacks(why(err), words(err))
	}
	return err != nil
}

// askHealth asks for health, load and labs; what fails is left out.
func (c *checkup) askHealth(ctx context.Context, client *controller.Client) {
	if health, err := client.SystemHealth(ctx); !c.fails(err) {
		c.health = &health
	}
	c.askLoad(ctx, client)
	labs, err := client.Labs(ctx)
	if c.fails(err) {
		return
	}
	total := len(labs)
	c.labsTotal = &total
	if started, err := client.LabsStarted(ctx, labs); !c.fails(err) {
		c.labsStarted = &started
	}
}

// askLoad asks for the load alone.
func (c *checkup) askLoad(ctx context.Context, client *controller.Client) {
	if stats, err := client.SystemStats(ctx); !c.fails(err) {
		c.stats = &stats
	}
}

// why is the reason of an error in one word.
func why(err error) string {
	switch fault.KindOf(err) {
	case fault.Credentials:
		return reasonCredentials
	case fault.PermissionDenied:
		return reasonForbidden
	case fault.Untrusted:
		return reasonUntrusted
	}
	if reason := controller.Reason(err); reason != "" {
		return reason
	}
	if fault.Is(err, fault.Timeout, fault.Canceled) {
		return controller.ReasonTimeout
	}
	return reasonNotCML
}

// words is an error without what only a log needs. What CML refuses is named.
func words(err error) string {
	e := fault.As(err)
	switch {
	case e == nil || e.Message == "":
		return err.Error()
	case e.Code == "":
		return e.Message
	case controller.Reason(err) == controller.ReasonHTTP:
		return e.Operation + ": " + e.Code + ": " + e.Message
	}
	return e.Code + ": " + e.Message
}
