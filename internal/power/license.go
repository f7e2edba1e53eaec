package power

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
)

// Values of start.license_check; left out means checkWarn.
const (
	checkOff     = "off"
	checkWarn    = "warn"
	checkRequire = "require"
)

// renewWithin is what an authorization has left that CML could not renew while
// the worker was stopped: it lasts 90 days and is renewed each 30 (cml-api.md 5.1).
const renewWithin = 45 * 24 * time.Hour

// license is the licence of the worker.
func (op *operation) license(ctx context.Context) *licensing.Worker {
	return op.set.License(op.ec2, op.id, op.account, op.opts.controller, op.progress(ctx))
}

// releaseLicense gives the licence back before a stop, where that is asked for.
// A stop that was asked for is not held up by a licence that stays.
func (op *operation) releaseLicense(ctx context.Context, in *instance.Instance) error {
	if !op.opts.releaseLicense || in.State != instance.StateRunning {
		return nil
	}
	out, err := op.license(ctx).Release(ctx, in, licensing.Release{
		Policy: licensing.Policy{Mode: licensing.BestEffort}, Stays: true,
		Known: licensing.Known{Status: controller.LicenseRegistered},
	})
	tfdiag.LicenseNotes(op.diags, op.set, out.Notes)
	if out.Free {
		op.set.SetLicenseFree(op.id, true)
	}
	return err
}

// afterStart looks at the licence of a worker that this operation has started.
func (op *operation) afterStart(ctx context.Context, seen *sight) {
	if op.started && !seen.failed && seen.pending == nil && !op.checkLicense(ctx, seen.instance) {
		seen.failed = true
	}
}

// checkLicense looks at the licence of a worker that was just started and is
// ready: renews it, and judges it. false: it does not pass.
func (op *operation) checkLicense(ctx context.Context, in *instance.Instance) bool {
	worker := op.license(ctx)
	if op.opts.renewLicense {
		if _, err := worker.Renew(ctx, in, renewWithin); err != nil {
			tfdiag.Warn(op.diags, op.set, tfdiag.LicenseExpires, fmt.Sprintf("The licence of worker %s could not be renewed after the start: %s.", op.id, err))
		}
	}
	if op.opts.licenseCheck == checkOff || op.opts.releaseLicense {
		return true // what the stop has released comes back with cml_worker_license
	}
	l, err := worker.Look(ctx, in)
	if err != nil || l.Valid() {
		return true
	}
	text := fmt.Sprintf("CML on worker %s has no valid licence: its status is %s (registration %s, authorization %s).",
		op.id, controller.LicenseStatus(l), l.Registration.Status, l.Authorization.Status)
	if op.opts.licenseCheck != checkRequire {
		tfdiag.Warn(op.diags, op.set, tfdiag.LicenseCheck, text)
		return true
	}
	op.fail(ctx, &failure{
		summary: "CML has no valid licence after the start", at: path.Root("license_check"),
		next: fmt.Sprintf("register the worker (`cml_worker_license`), or set `%s = \"warn\"`. The worker runs.", op.argument("start.license_check")),
		err:  fault.New(fault.WrongState, "%s", text),
	})
	return false
}
