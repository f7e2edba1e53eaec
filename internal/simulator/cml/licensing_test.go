package cml_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const (
	goodToken = "Y2FmZQ%3D%3D-good"
	nodeCount = "regid.2019-10.com.cisco.CML_NODE_COUNT,1.0_2607650b-6ca8-46d5-81e5-e6688b7383c4"
	baseCount = "regid.2019-10.com.cisco.CML_ENT_BASE,1.0_15d3393c-846c-4e00-a54e-1ea90f2b2160"
	register  = `{"token":"` + goodToken + `"}`
)

func status(t *testing.T, c *client) [2]string {
	t.Helper()
	doc := c.get("/licensing")
	return [2]string{pick(t, doc, "registration", "status").(string), pick(t, doc, "authorization", "status").(string)}
}

func reaches(t *testing.T, c *client, registration, authorization string) {
	t.Helper()
	want := [2]string{registration, authorization}
	eventually(t, "the licence is "+registration+", "+authorization, func() bool { return status(t, c) == want })
}

// licensing is a machine on which each step of the agent is slow enough to be seen.
func licensing(t *testing.T, version string) (*cml.Fleet, *cml.Machine, *client) {
	t.Helper()
	fleet := newFleet(t, cml.Options{Version: version, Timing: cml.Timing{Register: 100 * time.Millisecond, Authorize: 100 * time.Millisecond}})
	m, c := ready(t, fleet, cml.Boot{InstanceID: "i-1"})
	return fleet, m, c.login(cml.DefaultAdmin())
}

func TestFreshLicensingDocument(t *testing.T) {
	_, m, c := licensing(t, "")
	doc := c.get("/licensing")
	for _, want := range []struct {
		path  string
		value any
	}{
		{"registration status", "NOT_REGISTERED"}, {"registration smart_account", nil}, {"registration expires", nil},
		{"registration register_time attempted", nil}, {"registration renew_time success", "FAILED"},
		{"authorization status", "EVAL"}, {"authorization expires", nil}, {"reservation_mode", false},
		{"product_license active", "CML_Enterprise"}, {"product_license is_enterprise", true},
		{"transport ssms", "https://smartreceiver.cisco.com/licservice/license"}, {"transport proxy port", nil},
		{"udi hostname", "cml-controller"}, {"udi product_uuid", m.License().UDI},
	} {
		same(t, want.path, pick(t, doc, strings.Fields(want.path)...), want.value)
	}
	features := pick(t, doc, "features").([]any)
	same(t, "base in use", pick(t, features[0], "in_use"), float64(1))
	same(t, "expansion in use", pick(t, features[1], "in_use"), float64(0))
	same(t, "the list of its own", c.get("/licensing/features"), any(features))
	m.Switch(func(s *cml.Switches) { s.UnregisteredInit = true })
	same(t, "authorization", status(t, c)[1], "INIT")
	if !strings.Contains(c.want(200, "GET", "/licensing/tech_support", nil).decode(t).(string), "NOT_REGISTERED") {
		t.Error("tech_support does not tell the status")
	}
}

func TestRegistrationIsAsynchronous(t *testing.T) {
	fleet, m, c := licensing(t, "")
	got := c.want(204, "POST", "/licensing/registration", register)
	same(t, "body", got.body, "")
	same(t, "at once", status(t, c), [2]string{"IN_PROGRESS", "EVAL"})
	c.want(409, "POST", "/licensing/registration", register).refusal(t)
	c.want(409, "DELETE", "/licensing/deregistration", nil).refusal(t)
	reaches(t, c, "COMPLETED", "EVAL")
	same(t, "counted", len(fleet.SSMS().Registrations()), 1)
	reaches(t, c, "COMPLETED", "IN_COMPLIANCE")

	doc := c.get("/licensing")
	same(t, "failure", pick(t, doc, "registration", "register_time", "failure"), "OK")
	same(t, "success", pick(t, doc, "registration", "register_time", "success"), "SUCCESS")
	same(t, "succeeded", pick(t, doc, "registration", "register_time", "succeeded"), nil)
	same(t, "account", pick(t, doc, "registration", "smart_account"), "Example Smart Account")
	date := regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$`)
	for _, path := range [][]string{{"registration", "expires"}, {"authorization", "expires"}, {"registration", "register_time", "attempted"}, {"registration", "renew_time", "scheduled"}} {
		if text := pick(t, doc, path...).(string); !date.MatchString(text) {
			t.Errorf("%v is %q", path, text)
		}
	}
	m.Switch(func(s *cml.Switches) { s.LicensingDatesISO = true })
	if text := c.get("/licensing", "authorization", "expires").(string); !strings.Contains(text, "T") {
		t.Errorf("the switch does nothing: %q", text)
	}
	same(t, "token", m.License().Token, goodToken)
	same(t, "registration", fleet.SSMS().Registrations()[0].UDI, m.License().UDI)
	if days := time.Until(m.License().Expires).Hours() / 24; days < 89 || days > 91 {
		t.Errorf("the licence lasts %.1f days", days)
	}
}

func TestRegisteringAgain(t *testing.T) {
	fleet, m, c := licensing(t, "")
	m.RegisterNow("", time.Time{})
	c.want(409, "POST", "/licensing/registration", register).refusal(t)
	c.want(204, "POST", "/licensing/registration", `{"token":"abc","reregister":true}`)
	reaches(t, c, "COMPLETED", "IN_COMPLIANCE")
	m.Switch(func(s *cml.Switches) { s.RegisterAgain = true })
	c.want(204, "POST", "/licensing/registration", register)
	eventually(t, "it was registered three times", func() bool { return fleet.SSMS().Registrations()[0].Times == 3 })
	same(t, "counted", len(fleet.SSMS().Registrations()), 1)
}

func TestBadTokensAreAcceptedAndFailLater(t *testing.T) {
	for _, retries := range []bool{false, true} {
		fleet, m, c := licensing(t, "")
		fleet.SSMS().AddToken(goodToken, 1)
		want := "FAILED"
		if retries {
			want = "RETRY_IN_PROGRESS"
			m.Switch(func(s *cml.Switches) { s.BadTokenRetries = true })
		}
		c.want(204, "POST", "/licensing/registration", `{"token":"well-formed"}`)
		reaches(t, c, want, "EVAL")
		failure := c.get("/licensing", "registration", "register_time", "failure").(string)
		if !strings.Contains(failure, "'well-formed' is not valid") {
			t.Errorf("failure is %q", failure)
		}
		same(t, "counted", len(fleet.SSMS().Registrations()), 0)
		c.want(204, "POST", "/licensing/registration", register)
		reaches(t, c, "COMPLETED", "IN_COMPLIANCE")
		c.want(204, "DELETE", "/licensing/deregistration", nil)
		c.want(204, "POST", "/licensing/registration", register) // its only use is over
		reaches(t, c, want, "EVAL")
	}
}

func TestRejectedToken(t *testing.T) {
	fleet, _, c := licensing(t, "")
	fleet.SSMS().RejectToken(goodToken)
	c.want(204, "POST", "/licensing/registration", register)
	reaches(t, c, "FAILED", "EVAL")
	c.want(400, "DELETE", "/licensing/deregistration", nil).refusal(t)
}

func TestMalformedRegistrations(t *testing.T) {
	_, _, c := licensing(t, "")
	for _, body := range []string{
		`{}`, `{"token":""}`, `{"token":7}`, `{"token":"with blank"}`, `{"token":"` + strings.Repeat("a", 257) + `"}`,
		`{"token":"a","reregister":"yes"}`, `{"token":"a","force":true}`, `"a"`,
	} {
		c.want(400, "POST", "/licensing/registration", body).refusal(t)
	}
	same(t, "status", status(t, c)[0], "NOT_REGISTERED")
}

func TestUnreachableSSMS(t *testing.T) {
	fleet, m, c := licensing(t, "")
	m.SetSSMSReachable(false)
	c.want(204, "POST", "/licensing/registration", register)
	reaches(t, c, "RETRY_IN_PROGRESS", "EVAL")
	m.SetSSMSReachable(true) // the agent retries by itself
	reaches(t, c, "COMPLETED", "IN_COMPLIANCE")

	fleet.SSMS().SetReachable(false)
	c.want(204, "PUT", "/licensing/registration/renew", nil)
	eventually(t, "the renewal failed", func() bool {
		renewal := c.get("/licensing", "registration", "renew_time")
		return pick(t, renewal, "attempted") != nil && pick(t, renewal, "success") == "FAILED"
	})
	c.want(202, "DELETE", "/licensing/deregistration", nil)
	same(t, "here", status(t, c)[0], "NOT_REGISTERED")
	same(t, "still counted", len(fleet.SSMS().Registrations()), 1)
	fleet.SSMS().Remove(m.License().UDI)
	same(t, "removed by hand", len(fleet.SSMS().Registrations()), 0)
}

func TestOutOfCompliance(t *testing.T) {
	fleet, m, c := licensing(t, "")
	fleet.SSMS().SetCapacity(-1, 10)
	m.RegisterNow("", time.Time{})
	c.want(204, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":11}]`)
	same(t, "at once", status(t, c)[1], "IN_COMPLIANCE")
	reaches(t, c, "COMPLETED", "OUT_OF_COMPLIANCE")
	same(t, "counted nodes", fleet.SSMS().Registrations()[0].Nodes, 11)
	fleet.SSMS().SetCapacity(1, -1)
	c.want(204, "PUT", "/licensing/authorization/renew", nil)
	reaches(t, c, "COMPLETED", "IN_COMPLIANCE")
	fleet.SSMS().SetCapacity(0, -1)
	c.want(204, "PUT", "/licensing/authorization/renew", nil)
	reaches(t, c, "COMPLETED", "OUT_OF_COMPLIANCE")
}

func TestRenewals(t *testing.T) {
	_, m, c := licensing(t, "")
	for _, path := range []string{"/licensing/registration/renew", "/licensing/authorization/renew"} {
		c.want(400, "PUT", path, nil).refusal(t)
	}
	m.RegisterNow("", time.Time{})
	soon := time.Now().Add(time.Hour)
	m.SetLicenseExpiry(soon, soon)
	c.want(204, "PUT", "/licensing/registration/renew", nil)
	eventually(t, "only the authorization expires soon", func() bool {
		return c.get("/licensing", "registration", "expires").(string)[:4] != soon.UTC().Format("2006") && m.License().Expires.Equal(soon)
	})
	c.want(204, "PUT", "/licensing/authorization/renew", nil)
	eventually(t, "both were renewed", func() bool { return m.License().Expires.After(soon) })
}

func TestDeregistration(t *testing.T) {
	fleet, m, c := licensing(t, "")
	same(t, "never registered", c.want(400, "DELETE", "/licensing/deregistration", nil).refusal(t),
		"Licensing issue: The product has already been de-registered.")
	m.RegisterNow("", time.Time{})
	lab, err := m.AddLab(cml.Lab{Title: "busy", Running: true, Nodes: []cml.Node{{Label: "r1"}}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "busy", c.want(400, "DELETE", "/licensing/deregistration", nil).refusal(t),
		"Licensing issue: Cannot de-register when nodes are running.")
	same(t, "still counted", len(fleet.SSMS().Registrations()), 1)
	m.RemoveLab(lab)
	c.want(204, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":5}]`)
	c.want(204, "DELETE", "/licensing/deregistration", nil)
	same(t, "counted", len(fleet.SSMS().Registrations()), 0)
	same(t, "status", status(t, c), [2]string{"NOT_REGISTERED", "EVAL"})
	same(t, "nodes", m.License().Nodes, 0)
	m.RegisterNow("", time.Time{})
	m.Switch(func(s *cml.Switches) { s.KeepOnDeregister = true })
	c.want(204, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":5}]`)
	c.want(204, "DELETE", "/licensing/deregistration", nil)
	same(t, "nodes with the switch", m.License().Nodes, 5)
}

func TestSlowDeregistrationGoesOnWithoutItsClient(t *testing.T) {
	fleet, m, c := licensing(t, "")
	m.RegisterNow("", time.Time{})
	m.SetTiming(cml.Timing{Deregister: 500 * time.Millisecond})
	impatient := *c
	hasty := *c.http
	hasty.Timeout = 150 * time.Millisecond
	impatient.http = &hasty
	if got := impatient.try("DELETE", "/licensing/deregistration", nil); got.err == nil {
		t.Fatalf("the answer came at once: %d", got.status)
	}
	c.want(409, "POST", "/licensing/registration", register).refusal(t)
	eventually(t, "the licence was released", func() bool { return len(fleet.SSMS().Registrations()) == 0 })
	same(t, "status", status(t, c)[0], "NOT_REGISTERED")
}

func TestPowerCutDuringLicensing(t *testing.T) {
	fleet, m, c := licensing(t, "")
	boot := cml.Boot{InstanceID: "i-1", Addresses: m.Addresses()}
	m.RegisterNow("", time.Time{})
	m.SetTiming(cml.Timing{Deregister: time.Hour})
	done := make(chan answer)
	go func() { done <- c.try("DELETE", "/licensing/deregistration", nil) }()
	eventually(t, "the call is under way", func() bool { return busy(t, c) })
	fleet.Shutdown("i-1")
	if got := <-done; got.err == nil {
		t.Errorf("an answer came from a machine without power: %d", got.status)
	}
	ready(t, fleet, boot)
	same(t, "status", status(t, c), [2]string{"COMPLETED", "IN_COMPLIANCE"})
	same(t, "counted", len(fleet.SSMS().Registrations()), 1)

	m.SetTiming(cml.Timing{Register: 50 * time.Millisecond})
	c.want(204, "POST", "/licensing/registration", `{"token":"abc","reregister":true}`)
	fleet.Shutdown("i-1")
	same(t, "interrupted", m.License().Registration, "IN_PROGRESS")
	ready(t, fleet, boot)
	reaches(t, c, "COMPLETED", "IN_COMPLIANCE")
}

// busy tells the 409 of a busy agent from that of a registered product; asking changes nothing.
func busy(t *testing.T, c *client) bool {
	t.Helper()
	return strings.Contains(c.want(409, "POST", "/licensing/registration", register).refusal(t), "Another licensing operation")
}

func TestLicensingBusySwitch(t *testing.T) {
	_, m, c := licensing(t, "")
	m.RegisterNow("", time.Time{})
	m.Switch(func(s *cml.Switches) { s.LicensingBusy = true })
	for _, operation := range [][2]string{
		{"POST", "/licensing/registration"}, {"PUT", "/licensing/registration/renew"},
		{"PUT", "/licensing/authorization/renew"}, {"DELETE", "/licensing/deregistration"},
	} {
		var body any
		if operation[0] == "POST" {
			body = register
		}
		c.want(409, operation[0], operation[1], body).refusal(t)
	}
}

func TestProductLicence(t *testing.T) {
	_, m, c := licensing(t, "")
	c.want(400, "PUT", "/licensing/product_license", `"CML_Enterprise"`).refusal(t)
	for _, body := range []string{`1`, `null`, `"/bad"`, `"` + strings.Repeat("a", 21) + `"`, `"CML_Gold"`} {
		c.want(400, "PUT", "/licensing/product_license", body).refusal(t)
	}
	c.want(204, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":5}]`)
	c.want(204, "PUT", "/licensing/product_license", `"CML_Personal40"`)
	same(t, "nodes of another product", m.License().Nodes, 0)
	doc := c.get("/licensing")
	same(t, "active", pick(t, doc, "product_license", "active"), "CML_Personal40")
	same(t, "is_enterprise", pick(t, doc, "product_license", "is_enterprise"), false)
	same(t, "features", len(pick(t, doc, "features").([]any)), 1)
	c.want(400, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":5}]`).refusal(t)
	m.RegisterNow("", time.Time{})
	c.want(400, "PUT", "/licensing/product_license", `"CML_Education"`).refusal(t)
	m.Switch(func(s *cml.Switches) { s.ProductWhileRegistered, s.AnyProduct = true, true })
	c.want(204, "PUT", "/licensing/product_license", `"CML_Gold"`)
	same(t, "product", m.License().Product, "CML_Gold")
}

func TestTransport(t *testing.T) {
	m, c := machine(t, "")
	c.want(204, "PUT", "/licensing/transport", `{"ssms":"https://ssm.example.net:8443/Transportgateway/services/DeviceRequestHandler","proxy":{"server":"proxy","port":3128}}`)
	transport := c.get("/licensing", "transport")
	same(t, "ssms", pick(t, transport, "ssms"), "https://ssm.example.net:8443/Transportgateway/services/DeviceRequestHandler")
	same(t, "port", pick(t, transport, "proxy", "port"), float64(3128))
	c.want(204, "PUT", "/licensing/transport", `{"ssms":null,"proxy":{"server":null,"port":null}}`)
	transport = c.get("/licensing", "transport")
	same(t, "reset", pick(t, transport, "ssms"), pick(t, transport, "default_ssms"))
	for _, body := range []string{
		`{"proxy":{"server":"p","port":-1}}`, `{"proxy":{"server":"p","port":66000}}`, `{"proxy":{"server":"p","port":"1"}}`,
		`{"proxy":{"server":"p","port":1.5}}`, `{"proxy":{"server":"p","port":true}}`, `{"proxy":{"server":"p"}}`, `{}`,
		`{"ssms":"","proxy":{"server":null,"port":null}}`, `{"ssms":"https://no-path","proxy":{"server":null,"port":null}}`,
	} {
		c.want(400, "PUT", "/licensing/transport", body).refusal(t)
	}
	c.want(405, "PATCH", "/licensing/transport", `{"ssms":null}`).refusal(t)
	if err := m.SetVersion("2.11.0+build.1"); err != nil {
		t.Fatal(err)
	}
	c.want(405, "PUT", "/licensing/transport", `{"ssms":null}`).refusal(t)
	same(t, "body", pick(t, c.json("PATCH", "/licensing/transport", `{"ssms":null}`), "transport", "ssms"), pick(t, transport, "default_ssms"))
}

func TestFeaturesChangeAllOrNothing(t *testing.T) {
	m, c := machine(t, "")
	for _, body := range []string{
		`[]`, `[{"id":"` + nodeCount + `","count":1},{"id":"unknown","count":1}]`, `[{"id":"` + nodeCount + `","count":-1}]`,
		`[{"id":"` + nodeCount + `","count":501}]`, `[{"id":"` + nodeCount + `","count":1.5}]`, `[{"id":"` + nodeCount + `"}]`,
		`[{"id":"` + nodeCount + `","count":1},{"id":"` + baseCount + `","count":2}]`,
		`[{"id":"a","count":1},{"id":"b","count":1},{"id":"c","count":1}]`, `{"` + nodeCount + `":1}`,
	} {
		c.want(400, "PATCH", "/licensing/features", body).refusal(t)
	}
	same(t, "nodes", m.License().Nodes, 0)
	c.want(204, "PATCH", "/licensing/features", `[{"id":"`+nodeCount+`","count":500}]`)
	same(t, "nodes", m.License().Nodes, 500)
	same(t, "quota", c.get("/diagnostics/licensing", "quota"), float64(520))
	if err := m.SetVersion("2.8.1"); err != nil {
		t.Fatal(err)
	}
	c.want(204, "PATCH", "/licensing/features", `{"`+nodeCount+`":7}`)
	same(t, "nodes by the map", m.License().Nodes, 7)
	c.want(400, "PATCH", "/licensing/features", `{}`)
	c.want(400, "PATCH", "/licensing/features", `{"unknown":7}`)
}

func TestStatusBodiesFrom211(t *testing.T) {
	for _, way := range []string{"version", "switch"} {
		_, m, c := licensing(t, "")
		if way == "version" {
			if err := m.SetVersion("2.11.0+sso"); err != nil {
				t.Fatal(err)
			}
		} else {
			m.Switch(func(s *cml.Switches) { s.EarlyStatusBodies = true })
		}
		got := c.json("POST", "/licensing/registration", register)
		same(t, "status in the answer", pick(t, got, "registration", "status"), "IN_PROGRESS")
		reaches(t, c, "COMPLETED", "IN_COMPLIANCE")
		m.SetSSMSReachable(false)
		got = c.want(202, "DELETE", "/licensing/deregistration", nil).decode(t)
		same(t, "status in the answer", pick(t, got, "registration", "status"), "NOT_REGISTERED")
		m.Switch(func(s *cml.Switches) { s.AcceptedRegistration = true })
		c.want(202, "POST", "/licensing/registration", register)
	}
}

func TestUnknownStatusesAndReservation(t *testing.T) {
	_, m, c := licensing(t, "")
	c.want(204, "PUT", "/licensing/reservation/mode", `true`)
	same(t, "authorization", status(t, c)[1], "NOT_AUTHORIZED")
	same(t, "base count", pick(t, c.get("/licensing/features").([]any)[0], "in_use"), float64(0))
	c.want(409, "POST", "/licensing/registration", register).refusal(t)
	c.want(409, "PUT", "/licensing/reservation/mode", `true`).refusal(t)
	c.want(204, "PUT", "/licensing/reservation/mode", `false`)
	m.RegisterNow("", time.Time{})
	m.Switch(func(s *cml.Switches) { s.RegistrationStatus = "REGISTERED" })
	same(t, "registration", status(t, c)[0], "REGISTERED")
	m.SetRegistrationStatus("EXPIRED")
	m.SetAuthorizationStatus("AUTHORIZATION_EXPIRED")
	same(t, "forced", status(t, c), [2]string{"EXPIRED", "AUTHORIZATION_EXPIRED"})
}

func TestImagesCarryTheRegistration(t *testing.T) {
	for _, fresh := range []bool{false, true} {
		fleet := newFleet(t, cml.Options{Timing: instant, Switches: cml.Switches{NewUDIPerImage: fresh}})
		source, _ := ready(t, fleet, cml.Boot{InstanceID: "i-source"})
		source.SetAdmin(cml.Credentials{Username: "root", Password: "of the image"})
		lastYear := time.Now().AddDate(-1, 0, 0)
		source.RegisterNow("", lastYear)
		if _, err := source.AddLab(cml.Lab{Title: "kept", Running: true, Nodes: []cml.Node{{Label: "r1"}}}); err != nil {
			t.Fatal(err)
		}
		if err := source.SetVersion("2.8.1+build.1"); err != nil {
			t.Fatal(err)
		}
		fleet.SaveImage("ami-1", "i-source")
		clone, c := ready(t, fleet, cml.Boot{InstanceID: "i-clone", ImageID: "ami-1"})
		c = c.login(cml.Credentials{Username: "root", Password: "of the image"})
		same(t, "registration", status(t, c), [2]string{"COMPLETED", "IN_COMPLIANCE"})
		same(t, "attempted", c.get("/licensing", "registration", "register_time", "attempted"), any(lastYear.UTC().Format(time.DateTime)))
		same(t, "same UDI", clone.License().UDI == source.License().UDI, !fresh)
		same(t, "version", c.get("/system_information", "version"), "2.8.1+build.1")
		same(t, "labs", len(c.get("/labs").([]any)), 1)
		same(t, "running on the clone", clone.RunningNodes(), 0)
		same(t, "running on the source", source.RunningNodes(), 1)
	}
}

func TestAccountsAndUDI(t *testing.T) {
	fleet, m, c := licensing(t, "")
	fleet.SSMS().SetAccounts("Example Corp", "Branch labs")
	m.SetUDI("00000000-0000-4000-8000-00000000cafe")
	m.RegisterNow("CML_Personal40", time.Time{})
	doc := c.get("/licensing")
	same(t, "smart account", pick(t, doc, "registration", "smart_account"), "Example Corp")
	same(t, "virtual account", pick(t, doc, "registration", "virtual_account"), "Branch labs")
	same(t, "UDI", pick(t, doc, "udi", "product_uuid"), "00000000-0000-4000-8000-00000000cafe")
	same(t, "counted", fleet.SSMS().Registrations()[0].UDI, "00000000-0000-4000-8000-00000000cafe")
	same(t, "quota", c.get("/diagnostics/licensing", "quota"), float64(40))
}

func TestALaterRequestReplacesTheAgentsStep(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: cml.Timing{Authorize: 300 * time.Millisecond}})
	m, c := ready(t, fleet, cml.Boot{})
	c = c.login(cml.DefaultAdmin())
	c.want(204, "POST", "/licensing/registration", register)
	reaches(t, c, "COMPLETED", "EVAL")
	c.want(204, "DELETE", "/licensing/deregistration", nil)
	time.Sleep(350 * time.Millisecond) // beyond the authorization that was due
	same(t, "authorization", m.License().Authorization, "EVAL")
}
