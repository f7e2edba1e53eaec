package tfdiag

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/cml-infra/terraform-provider-cml/internal/licensing"
)

// LicenseNotes adds what a registration or a release has to tell as warnings.
func LicenseNotes(diags *diag.Diagnostics, set interface{ Suppressed(code string) bool }, notes []licensing.Note) {
	for _, n := range notes {
		w := LicenseNotReleased
		if n.Kind == licensing.WasInherited {
			w = InheritedLicense
		}
		Warn(diags, set, w, n.Text)
	}
}
