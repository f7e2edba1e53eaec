package publisher_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// idle checks IdleSeconds against what lies between then and now.
func (s *stage) idle(began time.Time, want time.Duration) {
	s.t.Helper()
	got, sent := s.sent()["IdleSeconds"]
	low, high := want-2*time.Second, want+time.Since(began)+2*time.Second
	if at := time.Duration(got.value * float64(time.Second)); !sent || got.unit != "Seconds" || at < low || at > high {
		s.t.Errorf("IdleSeconds %+v, want %s to %s", got, low, high)
	}
}

// alarmed checks that an alarm of the idle policy would see at least so many
// seconds: it looks at the minimum in the namespace, by the instance alone.
func (s *stage) alarmed(least float64) {
	s.t.Helper()
	client := cloudwatch.New(cloudwatch.Options{
		Region: home, BaseEndpoint: sdk.String(s.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", "")})
	out, err := client.GetMetricStatistics(s.t.Context(), &cloudwatch.GetMetricStatisticsInput{
		Namespace: sdk.String(publisher.Namespace), MetricName: sdk.String("IdleSeconds"),
		Dimensions: []types.Dimension{{Name: sdk.String("InstanceId"), Value: &s.id}},
		StartTime:  sdk.Time(s.Now().Add(-time.Hour)), EndTime: sdk.Time(s.Now().Add(time.Minute)), Period: sdk.Int32(300),
		Statistics: []types.Statistic{types.StatisticMinimum}, Unit: types.StandardUnitSeconds,
	})
	if err != nil || len(out.Datapoints) != 1 || *out.Datapoints[0].Minimum < least {
		s.t.Errorf("%v, %+v", err, out)
	}
}

func uptime(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Skip("the script is for Linux: ", err)
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(seconds * float64(time.Second))
}

func TestPublishes(t *testing.T) {
	s := newStage(t)
	if uptime(t) < time.Minute {
		t.Skip("this machine has not been up long enough")
	}
	s.server().SetLoad(cml.Load{CPUPercent: 3, MemoryUsed: 8 << 30, DiskUsed: 30 << 30, DiskTotal: 100 << 30})
	began := time.Now()
	s.event("stop_lab", 40*time.Second, "")
	s.event("system_stats", 0, "")
	s.event("user_activity", 0, cml.BuiltinAdminID)
	s.event("user_activity", 0, s.user)
	s.expect(0, "sent ", "IdleSeconds")
	s.idle(began, 40*time.Second)
	got := s.sent()
	delete(got, "IdleSeconds")
	if d := cmp.Diff(map[string]datum{
		"RunningNodes": {"Count", 0}, "MemoryPercent": {"Percent", 25}, "DiskPercent": {"Percent", 30},
	}, got, cmp.AllowUnexported(datum{})); d != "" {
		t.Error(d) // no LabsStarted: the account sees none and knows of none
	}
	if n := s.count("monitoring", "PutMetricData"); n != 1 {
		t.Errorf("%d requests", n)
	}
	s.alarmed(38)

	// Who does what, by account.
	visitor := s.server().AddUser(cml.Credentials{Username: "visitor", Password: "visitors"}, false)
	robot := s.server().AddUser(cml.Credentials{Username: "ro bot", Password: "robotics"}, true)
	s.event("user_activity", 10*time.Second, visitor)
	s.event("user_activity", 5*time.Second, robot)
	began = time.Now()
	s.expect(0)
	s.idle(began, 5*time.Second)
	s.configure(publisher.Settings{SecretsManagerSecretID: "cml/lab/publisher", ExcludeUsers: []string{"ro bot", "nobody"}})
	began = time.Now()
	s.expect(0)
	s.idle(began, 10*time.Second)
	s.configure(publisher.Settings{SecretsManagerSecretID: "cml/lab/publisher", ExcludeUsers: []string{robot, visitor}})
	s.expect(0)
	if got := s.sent()["IdleSeconds"].value; got < 38 {
		t.Errorf("IdleSeconds %g, although only excluded accounts did something", got)
	}
	// What somebody does in labs counts whoever it is.
	s.event("start_node", 8*time.Second, robot)
	began = time.Now()
	s.expect(0)
	s.idle(began, 8*time.Second)
}

// A machine that was used last before it started is idle since it started.
func TestNeverIdleForLongerThanUp(t *testing.T) {
	s := newStage(t)
	for _, events := range [][]time.Duration{nil, {20 * 365 * 24 * time.Hour}} {
		s.server().ClearEvents()
		s.event("system_stats", time.Minute, "")
		for _, ago := range events {
			s.event("stop_lab", ago, "")
		}
		began := time.Now()
		want := uptime(t)
		s.expect(0)
		s.idle(began, want)
	}
	s.server().ClearEvents()
	s.event("start_lab", -time.Hour, "")
	s.expect(0)
	if got := s.sent()["IdleSeconds"]; got.value != 0 {
		t.Errorf("an event in the future: %+v", got)
	}
}

func TestRunningNodesAreNotIdle(t *testing.T) {
	s := newStage(t)
	s.lab(cml.Lab{Title: "long test", Running: true})
	s.server().ClearEvents()
	s.event("start_lab", 24*time.Hour, "")
	s.expect(0)
	if got := s.sent(); got["IdleSeconds"] != (datum{"Seconds", 0}) || got["RunningNodes"] != (datum{"Count", 2}) {
		t.Errorf("%+v", got)
	}
}

func TestLabsStarted(t *testing.T) {
	s := newStage(t)
	s.lab(cml.Lab{Title: "a", Running: true})
	s.lab(cml.Lab{Title: "b", Running: true})
	s.lab(cml.Lab{Title: "c"})
	s.expect(0)
	if got, sent := s.sent()["LabsStarted"]; sent {
		t.Errorf("an account that sees no lab counts %+v", got)
	}
	s.lab(cml.Lab{Title: "own", Owner: account, Running: true})
	s.expect(0)
	if got := s.sent()["LabsStarted"]; got != (datum{"Count", 1}) {
		t.Errorf("its own labs: %+v", got)
	}
	admin := s.server().Admin()
	s.AWS.Region(home).SetParameter("/cml/admin", admin.Password, true)
	s.configure(publisher.Settings{SSMParameterName: "/cml/admin", Username: admin.Username})
	s.expect(0)
	if got := s.sent()["LabsStarted"]; got != (datum{"Count", 3}) {
		t.Errorf("all labs: %+v", got)
	}
}

// Without the telemetry, all of it, nobody is called idle.
func TestNotIdleWhereNobodyKnows(t *testing.T) {
	s := newStage(t)
	s.lab(cml.Lab{Title: "own", Owner: account})
	telemetry := func(kind wire.Kind, status int, body string) wire.Rule {
		return wire.Rule{Service: "cml", Operation: "GET /telemetry/events", Fault: wire.Fault{Kind: kind, Status: status, Body: body, ContentType: "application/json"}}
	}
	stats := func(body string) wire.Rule {
		return wire.Rule{Service: "cml", Operation: "GET /system_stats", Fault: wire.Fault{Kind: wire.Garbage, Status: 200, Body: body, ContentType: "application/json"}}
	}
	for name, c := range map[string]struct {
		rule wire.Rule
		says string
	}{
		"500":              {telemetry(wire.Error, 500, ""), "HTTP 500"},
		"502":              {telemetry(wire.Error, 502, ""), "HTTP 502"},
		"404":              {telemetry(wire.Error, 404, ""), "HTTP 404"},
		"403":              {telemetry(wire.Error, 403, ""), "HTTP 403"},
		"elsewhere":        {telemetry(wire.Garbage, 302, ""), "HTTP 302"},
		"reset":            {telemetry(wire.Reset, 0, ""), "telemetry cannot be read"},
		"broken off":       {telemetry(wire.Garbage, 200, `[{"category": "stop_lab", "timestamp": "2020-01-01T00:00:00Z"}, {"categ`), "breaks off"},
		"open":             {telemetry(wire.Garbage, 200, `[{"category": "stop_lab", "timestamp": "2020-01-01T00:00:00Z"}`), "breaks off"},
		"empty":            {telemetry(wire.Garbage, 200, " "), "breaks off"},
		"no events":        {telemetry(wire.Garbage, 200, "[]"), "no events at all"},
		"page":             {telemetry(wire.Garbage, 200, "<html>"), "no list"},
		"object":           {telemetry(wire.Garbage, 200, `{"events": []}`), "no list"},
		"numbers":          {telemetry(wire.Garbage, 200, `[1]`), "no object"},
		"no category":      {telemetry(wire.Garbage, 200, `[{"timestamp": "2020-01-01T00:00:00Z"}]`), "without category"},
		"no time":          {telemetry(wire.Garbage, 200, `[{"category": "stop_lab", "timestamp": "yesterday"}]`), "without a time"},
		"nodes not told":   {stats(`{"computes": {"a": {"stats": {"dominfo": {"running_nodes": null}}}}, "all": {"memory": {"used": 1, "total": 2}, "disk": {"used": 1, "total": 2}}}`), "running nodes cannot be read"},
		"one does not":     {stats(`{"computes": {"a": {"stats": {"dominfo": {"running_nodes": 0}}}, "b": {"stats": {"dominfo": {}}}}, "all": {"memory": {"used": 1, "total": 2}, "disk": {"used": 1, "total": 2}}}`), "running nodes cannot be read"},
		"no host":          {stats(`{"computes": {}, "all": {"memory": {"used": 1, "total": 2}, "disk": {"used": 1, "total": 2}}}`), "running nodes cannot be read"},
		"stats of a proxy": {stats(`<html>`), "system_stats cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			s.t = t
			s.Faults.Clear()
			s.Recorder.Reset()
			s.Faults.Add(c.rule)
			s.expect(3, c.says)
			got := s.sent()
			if v, sent := got["IdleSeconds"]; sent {
				t.Errorf("IdleSeconds %+v", v)
			}
			if _, sent := got["LabsStarted"]; !sent {
				t.Errorf("sent only %+v", got)
			}
			_, nodes := got["RunningNodes"]
			_, memory := got["MemoryPercent"]
			if wantsNodes, wantsMemory := c.rule.Operation != "GET /system_stats", name != "stats of a proxy"; nodes != wantsNodes || memory != wantsMemory {
				t.Errorf("sent %+v", got)
			}
		})
	}
}

// Noise without a time that can be read does no harm; every shape of a time that
// was met does.
func TestTelemetryThatIsOdd(t *testing.T) {
	s := newStage(t)
	at := time.Now().Add(-50 * time.Second).UTC()
	for _, form := range []string{"2006-01-02T15:04:05.999Z", "2006-01-02T15:04:05.999999999Z", "2006-01-02T15:04:05", "2006-01-02 15:04:05.999999", "2006-01-02T15:04:05Z"} {
		s.server().ClearEvents()
		s.server().AddEvent(cml.Event{Category: "system_stats", Text: "?"})
		s.server().AddEvent(cml.Event{Category: "stop_lab", Time: at, Text: at.Format(form)})
		began := at.Add(50 * time.Second)
		s.expect(0)
		s.idle(began, 50*time.Second)
	}
	s.server().Switch(func(w *cml.Switches) { w.TelemetryNewestFirst = true })
	s.event("start_lab", 20*time.Second, "")
	began := time.Now()
	s.expect(0)
	s.idle(began, 20*time.Second)
	// CML's clock, not this machine's: they agree where both are one machine.
	s.server().SetClockSkew(time.Hour)
	s.expect(0)
	s.idle(began, min(time.Hour+20*time.Second, uptime(t)))
}

func TestNotUpYet(t *testing.T) {
	for _, phase := range []cml.Phase{cml.Refused, cml.BadGateway, cml.NotReady} {
		s := newStage(t)
		if err := s.server().HoldPhase(phase); err != nil {
			t.Fatal(err)
		}
		s.expect(75, "CML is not up yet")
		if s.count("cml", "POST /auth_extended") != 0 || s.count("monitoring", "") != 0 || s.count("secretsmanager", "") != 0 {
			t.Errorf("%s: asked for %v", phase, s.Recorder.Operations(""))
		}
	}
}

func TestTokenIsKept(t *testing.T) {
	s := newStage(t)
	logins := func() int { return s.count("cml", "POST /auth_extended") + s.count("cml", "POST /authenticate") }
	s.expect(0)
	s.expect(0)
	if logins() != 1 || s.count("secretsmanager", "GetSecretValue") != 1 {
		t.Errorf("%d logins, %d questions for the secret", logins(), s.count("secretsmanager", "GetSecretValue"))
	}
	files, err := os.ReadDir(s.directory("run"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if info, err := files[0].Info(); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	kept, err := os.ReadFile(filepath.Join(s.directory("run"), files[0].Name()))
	if err != nil || strings.Contains(string(kept), "pa55") {
		t.Errorf("the password is kept: %v", err)
	}

	s.server().RevokeTokens()
	s.expect(0)
	if logins() != 2 {
		t.Errorf("%d logins after the token had died, want one more", logins())
	}
	// A file that is none of ours, or broken, is as good as none.
	for _, text := range []string{"{", "[]", `{"key": "another", "token": "x"}`} {
		if err := os.WriteFile(filepath.Join(s.directory("run"), files[0].Name()), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s.expect(0)
	}
	if logins() != 5 {
		t.Errorf("%d logins", logins())
	}
	// A server that accepts no token is not asked for another one again and again.
	s.Faults.Add(wire.Rule{Service: "cml", Operation: "GET /*", Skip: 1, Fault: wire.Fault{Kind: wire.Error, Status: 401}})
	s.expect(3, "HTTP 401")
	if logins() != 6 {
		t.Errorf("%d logins, want one more", logins()-5)
	}
}

// A wrong password does not lock the account.
func TestWrongPassword(t *testing.T) {
	s := newStage(t)
	logins := func() int { return s.count("cml", "POST /auth_extended") + s.count("cml", "POST /authenticate") }
	s.secret("pa55 of another time")
	s.expect(5, "CML refuses the account cml-publisher (HTTP 403)", "Next try in 15 minutes")
	for range 2 {
		s.expect(5, "to keep it from being locked")
	}
	if logins() != 1 || s.sent() != nil {
		t.Errorf("%d logins, sent %+v", logins(), s.sent())
	}
	s.secret("pa55 that is wrong too")
	s.expect(5, "Next try in 15 minutes")
	if logins() != 2 {
		t.Errorf("%d logins, want one with the new password", logins())
	}
	s.secret(password)
	s.expect(0)
}

func TestLoginOfOldReleases(t *testing.T) {
	s := newStage(t)
	s.Faults.Add(wire.Rule{Service: "cml", Operation: "POST /auth_extended", Fault: wire.Fault{Kind: wire.Error, Status: 404}})
	s.event("user_activity", 0, s.user)
	s.event("stop_lab", 30*time.Second, "")
	began := time.Now()
	s.expect(0)
	s.idle(began, 30*time.Second) // the token tells whose it is
	if s.count("cml", "POST /authenticate") != 1 {
		t.Errorf("%v", s.Recorder.Operations("cml"))
	}
}

func TestSecretsOfOtherShapes(t *testing.T) {
	s := newStage(t)
	region := s.AWS.Region(home)
	token, err := s.server().IssueToken(account, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	away := s.AWS.Region("eu-west-1").SetSecret("away", aws.Secret{Text: `{"username": "cml-publisher", "password": "` + strings.ReplaceAll(password, `"`, `\"`) + `"}`})
	region.SetSecret("token", aws.Secret{Text: `{"token": "` + token + `"}`})
	region.SetSecret("plain", aws.Secret{Text: password + "\r\n"})
	region.SetSecret("broken", aws.Secret{Text: "{pa55}"})
	region.SetSecret("number", aws.Secret{Text: `{"username": "a", "password": 5500}`})
	region.SetSecret("nothing", aws.Secret{Text: `{"user": "pa55"}`})
	region.SetSecret("deleted", aws.Secret{Deleted: true})
	region.SetSecret("binary", aws.Secret{Binary: []byte("pa55")})
	region.SetParameter("/cml/plain", password, true)
	for name, c := range map[string]struct {
		settings publisher.Settings
		code     int
		says     string
	}{
		"ARN elsewhere":    {publisher.Settings{SecretsManagerSecretID: away}, 0, "sent"},
		"token":            {publisher.Settings{SecretsManagerSecretID: "token"}, 0, "sent"},
		"plain":            {publisher.Settings{SecretsManagerSecretID: "plain", Username: account}, 0, "sent"},
		"parameter":        {publisher.Settings{SSMParameterName: "/cml/plain", Username: account}, 0, "sent"},
		"plain, no name":   {publisher.Settings{SecretsManagerSecretID: "plain"}, 2, "`username` of the settings"},
		"broken":           {publisher.Settings{SecretsManagerSecretID: "broken"}, 2, "begins and ends like a JSON object"},
		"number":           {publisher.Settings{SecretsManagerSecretID: "number"}, 2, "must be texts"},
		"nothing":          {publisher.Settings{SecretsManagerSecretID: "nothing", Username: "a"}, 2, "needs username and password"},
		"binary":           {publisher.Settings{SecretsManagerSecretID: "binary", Username: "a"}, 2, "needs username and password"},
		"deleted":          {publisher.Settings{SecretsManagerSecretID: "deleted"}, 4, "GetSecretValue of deleted in us-east-1 failed: InvalidRequestException"},
		"missing":          {publisher.Settings{SecretsManagerSecretID: "missing"}, 4, "ResourceNotFoundException"},
		"missing name":     {publisher.Settings{SSMParameterName: "/missing"}, 4, "GetParameter of /missing in us-east-1 failed: ParameterNotFound"},
		"no reference":     {publisher.Settings{}, 2, "needs one of"},
		"two of them":      {publisher.Settings{SecretsManagerSecretID: "plain", SSMParameterName: "plain"}, 2, "needs one of"},
		"in another place": {publisher.Settings{SecretsManagerSecretID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"}, 4, "in eu-west-1 failed"},
	} {
		s.configure(c.settings)
		if code, said := s.run(); code != c.code || !strings.Contains(said, c.says) {
			t.Errorf("%s: %d, want %d with %q: %s", name, code, c.code, c.says, said)
		}
	}
	s.setenv("CML_PUBLISHER_CONFIG", filepath.Join(s.dir, "none"))
	s.expect(2, "cannot be read")
}
