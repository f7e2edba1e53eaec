package licensing

import (
	"errors"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// What becomes of a registration that is there already.
func TestJudge(t *testing.T) {
	ec2 := instance.NewFromConfig(sdk.Config{Region: "us-east-1"}, instance.Options{Tags: instance.ManagedTags{Enabled: true}})
	const since, product = "2026-03-01 09:14:41", "CML_Enterprise"
	launched := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		registration, active string
		authorization        string
		req                  Request
		launched             time.Time
		found, made          bool
		adopts, inherited    bool
		words                string
		argument             string
	}{
		"nothing there":             {registration: "NOT_REGISTERED", req: Request{Token: "t"}},
		"nothing there, no token":   {registration: "NOT_REGISTERED", words: "no registration token", argument: "token_wo"},
		"there":                     {registration: "COMPLETED", active: product, adopts: true},
		"there, and again":          {registration: "COMPLETED", active: product, req: Request{Again: true, Token: "t"}},
		"there, again, no token":    {registration: "COMPLETED", active: product, req: Request{Again: true}, words: "no registration token", argument: "token_wo"},
		"again, was under way":      {registration: "COMPLETED", active: product, req: Request{Again: true, Token: "t"}, found: true, adopts: true},
		"again, was made":           {registration: "COMPLETED", active: product, req: Request{Again: true, Token: "t", Version: "2"}, made: true, adopts: true},
		"made, of another product":  {registration: "COMPLETED", active: "CML_Personal", req: Request{Again: true, Ours: true, Token: "t", Version: "2"}, made: true},
		"made, and failed":          {registration: "FAILED", active: product, req: Request{Again: true, Token: "t", Version: "2"}, made: true},
		"made, and lapsed":          {registration: "COMPLETED", authorization: "AUTHORIZATION_EXPIRED", active: product, req: Request{Again: true, Token: "t", Version: "2"}, made: true},
		"lapsed":                    {registration: "COMPLETED", authorization: "AUTHORIZATION_EXPIRED", active: product, req: Request{Token: "t"}},
		"failed":                    {registration: "FAILED", active: product, req: Request{Token: "t"}},
		"another product":           {registration: "COMPLETED", active: "CML_Personal", req: Request{Token: "t"}, words: "CML_Personal already", argument: "product"},
		"another product, ours":     {registration: "COMPLETED", active: "CML_Personal", req: Request{Token: "t", Ours: true}},
		"another product, taken":    {registration: "COMPLETED", active: "CML_Personal", req: Request{Token: "t", Reregister: true}},
		"inherited":                 {registration: "COMPLETED", active: product, req: Request{Token: "t"}, launched: launched.Add(time.Hour), words: "came with its image"},
		"inherited, by seconds":     {registration: "COMPLETED", active: product, launched: launched.Add(15 * time.Minute), adopts: true},
		"inherited, and known ours": {registration: "COMPLETED", active: product, req: Request{Ours: true}, launched: launched.Add(time.Hour), adopts: true},
		"inherited, and used":       {registration: "COMPLETED", active: product, req: Request{AdoptInherited: true}, launched: launched.Add(time.Hour), adopts: true, inherited: true},
		"inherited, of another product": {registration: "COMPLETED", active: "CML_Personal", launched: launched.Add(time.Hour), inherited: true,
			req: Request{AdoptInherited: true, Reregister: true, Token: "t"}},
		"refused by who asks": {registration: "NOT_REGISTERED", words: "not this one",
			req: Request{Token: "t", Check: func(controller.Licensing) error { return errors.New("not this one") }}},
	} {
		t.Run(name, func(t *testing.T) {
			var out Result
			l := &out.Licensing
			l.Registration.Status, l.ProductLicense.Active, l.Registration.RegisterTime.Attempted = c.registration, c.active, since
			l.Authorization.Status = c.authorization
			c.req.Product = product
			s := &server{Worker: &Worker{Instances: ec2}, in: &instance.Instance{FirstLaunchTime: c.launched}, found: c.found}
			if c.made {
				s.in.Tags = map[string]string{"cml:" + tagToken: "2 at 2026-03-01T09:14:41Z"}
			}
			adopts, err := s.judge(c.req, &out)
			if adopts != c.adopts || out.Inherited != c.inherited || (err != nil) != (c.words != "") {
				t.Fatalf("adopts %t, inherited %t, %v", adopts, out.Inherited, err)
			}
			if err == nil {
				return
			}
			var own *Error
			if errors.As(err, &own) && own.Argument != c.argument || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%q, to blame is %+v", err, own)
			}
		})
	}
}

// A number of nodes is held against the bounds that CML tells, and against no others.
func TestCheckNodes(t *testing.T) {
	zero, most := controller.Whole(0), controller.Whole(500)
	for _, c := range []struct {
		feature  bool
		min, max *controller.Whole
		nodes    int
		good     bool
	}{
		{true, &zero, &most, 0, true}, {true, &zero, &most, 500, true},
		{true, &zero, &most, 501, false}, {true, &zero, &most, -1, false},
		{true, nil, nil, 9999, true}, {true, &zero, nil, 9999, true}, {true, nil, &most, 501, false},
		{false, nil, nil, 0, true}, {false, nil, nil, 1, false},
	} {
		var l controller.Licensing
		if c.feature {
			l.Features = []controller.LicenseFeature{{ID: "x.CML_NODE_COUNT,1", Min: c.min, Max: c.max}}
		}
		err := checkNodes(Request{ExtraNodes: &c.nodes}, l)
		if (err == nil) != c.good || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := checkNodes(Request{}, controller.Licensing{}); err != nil {
		t.Error(err)
	}
}

// The servers of the licence are CML's own where nothing else is said.
func TestDefaultSSMS(t *testing.T) {
	for _, c := range []struct {
		ssms, own string
		want      bool
	}{
		{"", "https://a.example/x", true}, {"", "", true},
		{"https://a.example/x", "https://a.example/x", true}, {"https://b.example/x", "https://a.example/x", false},
		{"https://tools.cisco.com/x", "https://a.example/x", false},
		{"https://smartreceiver.cisco.com/licservice/license", "", true}, {"https://ssm.example.net/x", "", false}, {"https://evilcisco.com/x", "", false},
	} {
		var l controller.Licensing
		l.Transport.SSMS, l.Transport.DefaultSSMS = c.ssms, c.own
		if got := DefaultSSMS(l); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

// What the agent says is shown on one line and without a token, known or not,
// and whether it is the token's fault is in the text alone.
func TestAgentText(t *testing.T) {
	const secret = "c2VjcmV0LXRva2Vu"
	for text, want := range map[string]struct {
		shown string
		token bool
	}{
		"The token '" + secret + "' is not valid.":            {"The token '[redacted]' is not valid.", true},
		"Token \"b3RoZXItdG9rZW4tMTIzNDU%3D\" has\n  expired": {"Token \"(redacted)\" has expired", true},
		"INVALID TOKEN": {"INVALID TOKEN", true},
		"The certificate is not right: it has expired": {"The certificate is not right: it has expired", false},
		"Communication message send error":             {"Communication message send error", false},
		"":                                             {"", false},
	} {
		if got := agentText(text, secret); got != want.shown || notValid(text) != want.token {
			t.Errorf("%q: %q, %t", text, got, notValid(text))
		}
	}
}

// Ends, limits and what is counted, by what a document says.
func TestReadings(t *testing.T) {
	var l controller.Licensing
	if !ExpiresAt(l).IsZero() || DueWithin(l, time.Hour, time.Now()) {
		t.Error("an end where there is none")
	}
	l.Registration.Status, l.Registration.Expires = "COMPLETED", "2027-03-01 09:15:00"
	march := time.Date(2027, 3, 1, 9, 15, 0, 0, time.UTC)
	if !ExpiresAt(l).Equal(march) {
		t.Error(ExpiresAt(l))
	}
	l.Authorization.Expires = "2026-05-30 09:10:00"
	may := time.Date(2026, 5, 30, 9, 10, 0, 0, time.UTC)
	if !ExpiresAt(l).Equal(may) || !DueWithin(l, time.Hour, may.Add(-59*time.Minute)) || DueWithin(l, time.Hour, may.Add(-61*time.Minute)) {
		t.Error(ExpiresAt(l))
	}
	l.Registration.Expires = "2026-04-01 00:00:00"
	if ExpiresAt(l).Month() != time.April {
		t.Error(ExpiresAt(l))
	}
	l.Registration.Status = "NOT_REGISTERED"
	if DueWithin(l, time.Hour, may) {
		t.Error("due without a registration")
	}
	for product, want := range map[string]int{"CML_Personal": 20, "CML_Personal40": 40, "CML_Enterprise": 27, "CML_Education": -1} {
		l.ProductLicense.Active, l.Features = product, []controller.LicenseFeature{{ID: "x.CML_NODE_COUNT,1", InUse: 7}}
		if n, ok := NodeLimit(l); ok != (want >= 0) || ok && n != want {
			t.Errorf("%s: %d, %t", product, n, ok)
		}
	}
	for status, counted := range map[string]bool{"": false, "unknown": false, "unregistered": false, "evaluation": false, "registered": true, "expired": true, "invalid": true} {
		if k := (Known{Status: status}); k.Counted() != counted || k.unregistered() != (status == "unregistered" || status == "evaluation") {
			t.Errorf("%q: %t, %t", status, k.Counted(), k.unregistered())
		}
	}
	for status, broken := range map[string]bool{"FAILED": true, "RETRY_FAILED": true, "EXPIRED": true, "REGISTRATION_EXPIRED": true, "COMPLETED": false, "IN_PROGRESS": false, "RETRY_IN_PROGRESS": false} {
		l.Registration.Status = status
		if Broken(l) != broken {
			t.Errorf("%s: %t", status, !broken)
		}
	}
	old := Known{UDI: "u", SmartAccount: "s", VirtualAccount: "v"}
	if got := (Known{UDI: "n"}).over(old); got.UDI != "n" || got.SmartAccount != "s" || got.VirtualAccount != "v" {
		t.Errorf("%+v", got)
	}
}

// A registration is older than the machine, or under way, by what CML says
// alone: where something is missing it is neither.
func TestInheritedAndUnderWay(t *testing.T) {
	launched := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		status, attempted string
		launched          time.Time
		inherited         bool
		underWay          bool
	}{
		"older":                 {"COMPLETED", "2026-03-01 08:58:59", launched, true, false},
		"within the margin":     {"COMPLETED", "2026-03-01 08:59:01", launched, false, false},
		"launch not known":      {"COMPLETED", "2026-02-01 00:00:00", time.Time{}, false, false},
		"date not known":        {"COMPLETED", "", launched, false, false},
		"nothing registered":    {"NOT_REGISTERED", "2026-02-01 00:00:00", launched, false, false},
		"in progress":           {"IN_PROGRESS", "2026-02-01 00:00:00", launched, false, true},
		"in another word":       {"PENDING", "", launched, false, true},
		"the agent tries again": {"RETRY_IN_PROGRESS", "", launched, false, false},
	} {
		var l controller.Licensing
		l.Registration.Status, l.Registration.RegisterTime.Attempted = c.status, c.attempted
		if got := Inherited(l, &instance.Instance{FirstLaunchTime: c.launched}); got != c.inherited || underWay(l) != c.underWay {
			t.Errorf("%s: inherited %t, under way %t", name, got, underWay(l))
		}
	}
}
