package provider_test

import (
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const lab = "111122223333"

func world(t *testing.T) (*aws.Simulator, obj) {
	t.Helper()
	sim, err := aws.New(aws.Options{StrictCredentials: true, Accounts: []aws.Account{
		{ID: lab, Keys: []aws.Key{{AccessKeyID: "AKIALAB"}}, Roles: []aws.Role{{Name: "operator", ExternalID: "lab-team"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim, obj{
		"region": "us-east-1", "access_key": "AKIALAB", "secret_key": "x",
		"endpoints": list{obj{"ec2": server.URL}, obj{"sts": server.URL}},
	}
}

// The block reaches AWS as written, and nothing is asked before it is needed.
func TestConfiguredForAWS(t *testing.T) {
	t.Parallel()
	sim, block := world(t)
	block["assume_role"] = list{obj{"role_arn": "arn:aws:iam::" + lab + ":role/operator", "external_id": "lab-team", "session_name": "terraform-cml", "duration": "1h"}}
	set := configured(t, block)
	if n := sim.Recorder.Count("", ""); n != 0 {
		t.Fatalf("Configure made %d requests", n)
	}
	client, err := set.Instances(t.Context(), "eu-west-1")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Regions(t.Context()); err != nil {
		t.Fatal(err)
	}
	assumed := sim.Recorder.All()[0].Params
	if assumed.Get("ExternalId") != "lab-team" || assumed.Get("RoleSessionName") != "terraform-cml" || assumed.Get("DurationSeconds") != "3600" {
		t.Errorf("AssumeRole got %v", assumed)
	}
	if id, err := set.Identity(t.Context()); err != nil || !strings.HasSuffix(id.ARN, "assumed-role/operator/terraform-cml") {
		t.Errorf("%+v, %v", id, err)
	}
	last := sim.Recorder.All()[len(sim.Recorder.All())-1]
	if last.Service != "ec2" || last.Region != "eu-west-1" || !strings.Contains(last.Header.Get("User-Agent"), "terraform-provider-cml/test") {
		t.Errorf("%s %s %s", last.Service, last.Region, last.Header.Get("User-Agent"))
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	set := configured(t, obj{})
	if !cmp.Equal(set.Controller(), controller.Settings{}) || !set.Credentials().IsZero() || set.Transport().RequestTimeout != 0 {
		t.Errorf("%+v", set.Controller())
	}
	tags := set.ManagedTags()
	if !tags.Enabled || tags.Key("x") != "cml:x" || !set.RefreshProbe() || len(set.UnknownArguments()) != 0 || len(set.DefaultTags()) != 0 {
		t.Errorf("%+v %t %v", tags, set.RefreshProbe(), set.UnknownArguments())
	}
}

func TestConfiguredForCML(t *testing.T) {
	t.Setenv("CML_USERNAME", "from-environment")
	t.Setenv("CML_PORT", "1")
	pin := strings.Repeat("ab", 32)
	set := configured(t, obj{
		"controller": obj{
			"username": "admin", "password": "p", "port": 8443, "proxy": "http://proxy:3128", "request_headers": obj{"X-Gateway": "1"}, "request_timeout": "20s",
			"tls": obj{"trust": "verify", "fingerprint": pin, "server_name": "cml.example.net"},
		},
		"managed_tags": obj{"enabled": false, "prefix": "lab:"}, "refresh_probe": false, "refresh_prices": false, "suppress_warnings": list{"hop_limit"},
		"default_tags": list{obj{"tags": obj{"Team": "net"}}}, "ignore_tags": list{obj{"keys": list{"Owner"}, "key_prefixes": list{"backup:"}}},
	})
	want := controller.Settings{Port: 8443, TLS: controller.TLS{Trust: "verify", Fingerprint: pin, ServerName: "cml.example.net"}}
	if diff := cmp.Diff(want, set.Controller()); diff != "" {
		t.Error(diff)
	}
	if c := set.Credentials(); c.Username != "admin" || c.Password != "p" || c.Token != "" {
		t.Errorf("user %q", c.Username)
	}
	if tr := set.Transport(); tr.ProxyURL != "http://proxy:3128" || tr.Headers["X-Gateway"] != "1" || tr.RequestTimeout != 20*time.Second {
		t.Errorf("%+v", tr)
	}
	if tags := set.ManagedTags(); tags.Enabled || tags.Key("x") != "lab:x" || set.RefreshProbe() || set.ReadsPrices() || !set.Suppressed("hop_limit") {
		t.Errorf("%+v", tags)
	}
	if !set.Ignored("Owner") || !set.Ignored("backup:1") || set.Ignored("Team") || set.DefaultTags()["Team"] != "net" {
		t.Error("tags")
	}
}

func TestEnvironment(t *testing.T) {
	pem, err := os.ReadFile("testdata/ca.pem")
	if err != nil {
		t.Fatal(err)
	}
	pin := strings.Repeat("cd", 32)
	for name, value := range map[string]string{
		"CML_USERNAME": "admin", "CML_PASSWORD": "p", "CML_PORT": "8443", "CML_TRUST": "verify", "CML_CACERT": string(pem), "CML_FINGERPRINT": pin,
		"CML_SERVER_NAME": "cml.example.net", "CML_PROXY": "http://proxy:3128", "CML_REQUEST_TIMEOUT": "30s",
		"TF_AWS_DEFAULT_TAGS_Team": "net", "TF_AWS_DEFAULT_TAGS_Owner": "env", "TF_AWS_IGNORE_TAGS_KEYS": "A, B", "TF_AWS_IGNORE_TAGS_KEY_PREFIXES": "c:",
	} {
		t.Setenv(name, value)
	}
	set := configured(t, obj{"default_tags": list{obj{"tags": obj{"Owner": "block"}}}})
	want := controller.Settings{Port: 8443, TLS: controller.TLS{Trust: "verify", CACert: string(pem), Fingerprint: pin, ServerName: "cml.example.net"}}
	if diff := cmp.Diff(want, set.Controller()); diff != "" {
		t.Error(diff)
	}
	if c := set.Credentials(); c.Username != "admin" || c.Password != "p" {
		t.Error("credentials")
	}
	if tr := set.Transport(); tr.ProxyURL != "http://proxy:3128" || tr.RequestTimeout != 30*time.Second {
		t.Errorf("%+v", tr)
	}
	if diff := cmp.Diff(map[string]string{"Team": "net", "Owner": "block"}, set.DefaultTags()); diff != "" {
		t.Error(diff)
	}
	if !set.Ignored("A") || !set.Ignored("B") || !set.Ignored("c:d") || set.Ignored("Team") {
		t.Error("ignored tags")
	}
}

// A token and a user are two forms of one thing: what the block says keeps the
// other form of the environment out, and a token of the environment beats its
// user.
func TestCredentialsOfBlockAndEnvironment(t *testing.T) {
	t.Setenv("CML_TOKEN", "env-token")
	t.Setenv("CML_USERNAME", "env-user")
	t.Setenv("CML_PASSWORD", "env-password")
	for name, c := range map[string]struct {
		block obj
		want  controller.Credentials
	}{
		"nothing":  {obj{}, controller.Credentials{Token: "env-token"}},
		"token":    {obj{"token": "t"}, controller.Credentials{Token: "t"}},
		"user":     {obj{"username": "u"}, controller.Credentials{Username: "u", Password: "env-password"}},
		"password": {obj{"password": "p"}, controller.Credentials{Username: "env-user", Password: "p"}},
		"both":     {obj{"username": "u", "password": "p"}, controller.Credentials{Username: "u", Password: "p"}},
	} {
		got := configured(t, obj{"controller": c.block}).Credentials()
		if got != c.want {
			t.Errorf("%s: user %q, token %q", name, got.Username, got.Token)
		}
	}
}

func TestSkipVerify(t *testing.T) {
	t.Setenv("CML_SKIP_VERIFY", "true")
	set, resp := configure(t, obj{})
	if set.Controller().TLS.Trust != "insecure" || len(resp.Diagnostics) != 1 || !strings.HasSuffix(resp.Diagnostics[0].Detail(), "[insecure_tls]") {
		t.Errorf("%q with %v", set.Controller().TLS.Trust, resp.Diagnostics)
	}
	if got := configured(t, obj{"suppress_warnings": list{"insecure_tls"}}).Controller().TLS.Trust; got != "insecure" {
		t.Errorf("suppressed: %q", got)
	}
	if got := configured(t, obj{"controller": obj{"tls": obj{"trust": "verify"}}}).Controller().TLS.Trust; got != "verify" {
		t.Errorf("the block says %q", got)
	}
	t.Setenv("CML_SKIP_VERIFY", "false")
	if got := configured(t, obj{}).Controller().TLS.Trust; got != "" {
		t.Errorf("false: %q", got)
	}
}

// A wrong variable is an error that names it, and its value only where it is
// no secret.
func TestWrongEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"CML_PORT": "https", "CML_TRUST": "yes", "CML_SKIP_VERIFY": "maybe", "CML_CACERT": "ca.pem", "CML_FINGERPRINT": "abc",
		"CML_SERVER_NAME": "https://x", "CML_PROXY": "proxy", "CML_REQUEST_TIMEOUT": "15",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			_, resp := configure(t, obj{})
			if n := resp.Diagnostics.ErrorsCount(); n != 1 || !strings.Contains(resp.Diagnostics[0].Summary(), name) {
				t.Errorf("got %v", resp.Diagnostics)
			}
		})
	}
	t.Run("password without user", func(t *testing.T) {
		t.Setenv("CML_PASSWORD", "hunter2")
		_, resp := configure(t, obj{})
		if n := resp.Diagnostics.ErrorsCount(); n != 1 || !strings.Contains(resp.Diagnostics[0].Detail(), "CML_USERNAME") {
			t.Errorf("got %v", resp.Diagnostics)
		}
	})
}

func TestWebIdentityToken(t *testing.T) {
	block := obj{"region": "us-east-1", "assume_role_with_web_identity": list{obj{"role_arn": "arn:aws:iam::" + lab + ":role/ci"}}}
	if _, resp := configure(t, block); resp.Diagnostics.ErrorsCount() != 1 || !strings.Contains(resp.Diagnostics[0].Detail(), "TF_AWS_WEB_IDENTITY_TOKEN") {
		t.Errorf("got %v", resp.Diagnostics)
	}
	for _, variable := range []string{"TF_AWS_WEB_IDENTITY_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE"} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, "/some/token")
			configured(t, block)
		})
	}
}

// A single block without a role means "no role", with a warning.
func TestEmptyAssumeRole(t *testing.T) {
	t.Parallel()
	sim, block := world(t)
	block["assume_role"] = list{obj{"role_arn": nil, "session_name": "terraform"}}
	set, resp := configure(t, block)
	if len(resp.Diagnostics) != 1 || !strings.HasSuffix(resp.Diagnostics[0].Detail(), "[empty_assume_role]") {
		t.Errorf("got %v", resp.Diagnostics)
	}
	if id, err := set.Identity(t.Context()); err != nil || !strings.HasSuffix(id.ARN, "user/terraform") || sim.Recorder.Count("sts", "AssumeRole") != 0 {
		t.Errorf("%+v, %v", id, err)
	}
}

// Unknown values are listed by name and are no error.
func TestUnknownValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		block obj
		want  []string
	}{
		"region":     {obj{"region": unknown{}}, []string{"region"}},
		"member":     {obj{"controller": obj{"username": "admin", "password": unknown{}}}, []string{"controller.password"}},
		"object":     {obj{"controller": unknown{}}, []string{"controller"}},
		"deep":       {obj{"controller": obj{"tls": obj{"cacert": unknown{}, "trust": unknown{}}, "request_headers": obj{"X-A": unknown{}}}}, []string{"controller.request_headers[\"X-A\"]", "controller.tls.cacert", "controller.tls.trust"}},
		"role":       {obj{"assume_role": list{obj{"role_arn": "arn:aws:iam::" + lab + ":role/a"}, obj{"role_arn": unknown{}}}}, []string{"assume_role[1].role_arn"}},
		"blocks":     {obj{"assume_role": unknown{}}, []string{"assume_role"}},
		"set member": {obj{"allowed_account_ids": list{unknown{}, lab}}, []string{"allowed_account_ids"}},
		"web":        {obj{"assume_role_with_web_identity": list{obj{"role_arn": "arn:aws:iam::" + lab + ":role/a", "web_identity_token": unknown{}}}}, []string{"assume_role_with_web_identity[0].web_identity_token"}},
		"user":       {obj{"controller": obj{"password": "p", "username": unknown{}}}, []string{"controller.username"}},
		"numbers":    {obj{"max_retries": unknown{}, "refresh_prices": unknown{}, "refresh_probe": unknown{}, "skip_metadata_api_check": unknown{}, "suppress_warnings": unknown{}}, []string{"max_retries", "refresh_prices", "refresh_probe", "skip_metadata_api_check", "suppress_warnings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set := configured(t, c.block)
			if diff := cmp.Diff(c.want, set.UnknownArguments()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What is unknown is not taken from the environment instead.
func TestUnknownIsNotTheEnvironments(t *testing.T) {
	t.Setenv("CML_PASSWORD", "env-password")
	t.Setenv("CML_USERNAME", "env-user")
	t.Setenv("CML_PORT", "8443")
	for _, block := range []obj{{"controller": unknown{}}, {"controller": obj{"password": unknown{}, "port": unknown{}, "username": "u"}}} {
		set := configured(t, block)
		if set.Credentials().Password != "" || set.Controller().Port != 0 {
			t.Errorf("%v: the environment stands in for an unknown value", block)
		}
	}
}

// Through the protocol: unknown values are no error, and deferral is offered
// only to a client that takes it.
func TestUnknownThroughTheServer(t *testing.T) {
	t.Parallel()
	_, raw := config(t, obj{"region": unknown{}, "controller": unknown{}})
	dynamic, err := tfprotov6.NewDynamicValue(raw.Type(), raw)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server(t).ConfigureProvider(t.Context(), &tfprotov6.ConfigureProviderRequest{Config: &dynamic})
	if err != nil || len(resp.Diagnostics) != 0 {
		t.Errorf("%v %v", err, resp.Diagnostics)
	}
	for allowed, want := range map[bool]bool{true: true, false: false} {
		_, resp := configureWith(t, obj{"region": unknown{}}, provider.ConfigureProviderClientCapabilities{DeferralAllowed: allowed})
		if (resp.Deferred != nil) != want {
			t.Errorf("client allows deferral: %t, deferred: %v", allowed, resp.Deferred)
		}
	}
	if _, resp := configureWith(t, obj{"region": "us-east-1"}, provider.ConfigureProviderClientCapabilities{DeferralAllowed: true}); resp.Deferred != nil {
		t.Error("deferred although all is known")
	}
}

// All kinds of things get the same set.
func TestEveryoneGetsTheSet(t *testing.T) {
	t.Parallel()
	set, resp := configure(t, obj{})
	for name, data := range map[string]any{
		"data sources": resp.DataSourceData, "ephemeral resources": resp.EphemeralResourceData, "actions": resp.ActionData, "list resources": resp.ListResourceData,
	} {
		if data != set {
			t.Errorf("%s got %v", name, data)
		}
	}
	if !slices.Equal(set.UnknownArguments(), nil) {
		t.Error("something is unknown")
	}
}
