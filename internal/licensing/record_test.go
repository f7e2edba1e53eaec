package licensing

import (
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// What an earlier run has noted is its registration by version and date alone.
func TestMade(t *testing.T) {
	ec2 := instance.NewFromConfig(sdk.Config{Region: "us-east-1"}, instance.Options{Tags: instance.ManagedTags{Enabled: true}})
	const before, now = "2026-03-01 09:14:41", "2026-03-02 10:00:00"
	for _, c := range []struct {
		tag, version       string
		attempted, expires string
		want               bool
	}{
		{"2 at 2026-03-02T10:00:00Z", "2", now, "", true},
		{"2 at 2026-03-02T10:00:00Z", "3", now, "", false},
		{"2 at 2026-03-02T10:00:00Z", "", now, "", false},
		{"- at 2026-03-02T10:00:00Z", "", now, "", true},
		{"2 at 2026-03-02T10:00:00Z", "2", before, "", false},    // somebody else's
		{"2 after 2026-03-01T09:14:41Z", "2", now, "", true},     // a later one
		{"2 after 2026-03-01T09:14:41Z", "2", before, "", false}, // still the one before
		{"2 after 2026-03-01T09:14:41Z", "22", now, "", false},   // of another version
		{"2 after none", "2", now, "", true},                     // there was none before
		{"2 after none", "2", "", "", false},                     // CML does not say
		{"2 after 2026-03-01T09:14:41Z", "2", "", now, true},     // by its end
		{"2 after 2026-03-01T09:14:41Z", "2", "not a date", "", false},
		{"", "2", now, "", false},
	} {
		var l controller.Licensing
		l.Registration.RegisterTime.Attempted, l.Registration.Expires = c.attempted, c.expires
		s := &server{Worker: &Worker{Instances: ec2}, in: &instance.Instance{Tags: map[string]string{"cml:" + tagToken: c.tag}}}
		if got := s.made(Request{Version: c.version}, l); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}
