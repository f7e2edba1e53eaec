package readiness

import (
	"context"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// minConnect is the least time an attempt to connect gets, however short the
// interval is.
const minConnect = 2 * time.Second

// watchMachine looks at the instance, by the pace of the wait, until the
// context ends.
func (w *waiting) watchMachine(ctx context.Context) {
	watch(ctx, w.pace(), w.sights, func() sight {
		found, err := w.target.Instances.FindFresh(ctx, w.target.InstanceID, w.target.AccountID, w.target.LaunchedAt)
		return sight{at: time.Now(), instance: found, err: err}
	})
}

// watchChecks looks at the status checks in the same way.
func (w *waiting) watchChecks(ctx context.Context) {
	watch(ctx, w.pace(), w.checkups, func() checkup {
		status, err := w.target.Instances.StatusChecks(ctx, w.target.InstanceID)
		return checkup{at: time.Now(), status: status, err: err}
	})
}

// watch hands on what look sees until the context ends. A pause counts from
// the begin of a look.
func watch[T any](ctx context.Context, pace wait.Pace, into chan<- T, look func() T) {
	for n := 0; ; n++ {
		began := time.Now()
		seen := look()
		select {
		case <-ctx.Done():
			return
		case into <- seen:
		}
		if wait.Sleep(ctx, pace.Next(n)-time.Since(began)) != nil {
			return
		}
	}
}

// watchService asks the CML at the address told last, by the pace of the wait,
// until the context ends. A pause counts from the begin of a question, so that
// a slow answer does not put off the next one.
func (w *waiting) watchService(ctx context.Context) {
	var (
		p    *prober
		next = time.NewTimer(0)
		n    int
	)
	defer next.Stop()
	defer func() { p.close() }()
	for {
		select {
		case <-ctx.Done():
			return
		case address := <-w.addresses:
			if p != nil && p.address == address {
				continue
			}
			p.close()
			p, n = w.prober(address), 0
		case <-next.C:
		}
		if p == nil || p.address == "" {
			continue
		}
		began := time.Now()
		w.open.Store(&question{address: p.address, began: began})
		a := p.ask(ctx)
		select {
		case <-ctx.Done():
			return
		case w.answers <- a:
		}
		w.open.Store(nil)
		next.Reset(min(w.pace().Next(n), p.loginDue(began)) - time.Since(began))
		n++
	}
}

// question is one round of questions to CML under way.
type question struct {
	address string
	began   time.Time
}

// prober asks one CML at one address.
type prober struct {
	target    Target
	transport controller.Transport
	address   string
	// account says whether to ask what only accounts see, licence whether the
	// licence matters; pause is LoginPause.
	account, licence bool
	pinFirst         bool
	pause            time.Duration
	keep             func(controller.Credentials)

	plain    *controller.Client // without credentials
	secret   *controller.Client // with; nil until they are needed
	rejected int
	retryAt  time.Time
	lastErr  error
}

func (w *waiting) prober(address string) *prober {
	transport := w.target.Transport
	if transport.ConnectTimeout <= 0 {
		// An attempt whose first packet was lost while the machine booted would
		// else go on waiting when the port is long open.
		transport.ConnectTimeout = max(w.Interval, minConnect)
	}
	return &prober{
		target: w.target, transport: transport, address: address,
		account: w.account, licence: w.Until >= Licensed, pause: w.LoginPause, pinFirst: w.PinFirst,
		keep:  func(cr controller.Credentials) { w.resolved.Store(&cr) },
		plain: controller.New(address, w.target.Settings, controller.Credentials{}, transport),
	}
}

func (p *prober) close() {
	if p == nil {
		return
	}
	p.plain.Close()
	if p.secret != nil {
		p.secret.Close()
	}
}

// loginDue is how long after began the second login is due, if one is.
func (p *prober) loginDue(began time.Time) time.Duration {
	if p.retryAt.IsZero() {
		return time.Duration(1<<63 - 1)
	}
	return p.retryAt.Sub(began)
}

// ask makes one round of questions.
func (p *prober) ask(ctx context.Context) answer {
	a := answer{address: p.address}
	info, err := p.plain.SystemInformation(ctx)
	if err != nil {
		a.err = err
		if p.secret != nil {
			// Its connections may lead to a machine that is rebooting.
			p.secret.Close()
		}
	} else {
		a.info = &info
		if info.Ready && p.account {
			p.askAccount(ctx, &a)
		}
	}
	a.fingerprint = p.plain.Fingerprint()
	a.at = time.Now()
	return a
}

// askAccount asks what only accounts see. A login that CML refused rests
// before it is tried again; whether it is, is the ladder's decision.
func (p *prober) askAccount(ctx context.Context, a *answer) {
	defer func() { a.rejected = p.rejected }()
	if time.Now().Before(p.retryAt) {
		a.accountErr = p.lastErr
		return
	}
	p.retryAt = time.Time{}
	if p.secret == nil {
		cr, err := p.credentials(ctx)
		if err != nil {
			a.credentialsErr = err
			return
		}
		p.secret = controller.New(p.address, p.pinned(), cr, p.transport)
	}
	health, err := p.secret.SystemHealth(ctx)
	if err != nil {
		a.accountErr = err
		if fault.Is(err, fault.Credentials) {
			p.rejected++
			p.retryAt, p.lastErr = time.Now().Add(p.pause), err
		}
		return
	}
	p.rejected, a.health = 0, &health
	if p.licence && (health.IsLicensed == nil || !*health.IsLicensed) {
		if l, err := p.secret.Licensing(ctx); err != nil {
			a.accountErr = err
		} else {
			a.licensing = &l
		}
	}
}

// pinned are the settings for the questions with a secret.
func (p *prober) pinned() controller.Settings {
	s := p.target.Settings
	first := s.TLS.Trust == "" || s.TLS.Trust == controller.TrustPinFirst
	if p.pinFirst && first && s.TLS.Fingerprint == "" && s.TLS.CACert == "" {
		s.TLS.Fingerprint = p.plain.Fingerprint()
	}
	return s
}

func (p *prober) credentials(ctx context.Context) (controller.Credentials, error) {
	cr, err := p.target.credentials(ctx)
	if err != nil {
		return cr, err
	}
	if cr.IsZero() {
		return cr, fault.New(fault.Credentials, "what controller.credentials names holds neither a token nor user name and password")
	}
	p.keep(cr)
	return cr, nil
}
