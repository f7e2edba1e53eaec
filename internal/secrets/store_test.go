package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/secrets"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// TestMain takes what the machine knows about AWS out of the way.
func TestMain(m *testing.M) {
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

const (
	home    = "us-east-1"
	planted = "planted-pa55word"
)

func world(t *testing.T, change ...func(*awsconf.Options)) (*aws.Simulator, *secrets.Store) {
	t.Helper()
	sim, err := aws.New(aws.Options{})
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
	o := awsconf.Options{Region: home, AccessKey: "AKIALABS", SecretKey: "x", Version: "test", Endpoints: map[awsconf.Service]string{
		awsconf.STS: server.URL, awsconf.SecretsManager: server.URL, awsconf.SSM: server.URL}}
	for _, f := range change {
		f(&o)
	}
	return sim, secrets.New(awsconf.New(o))
}

func secret(id string) controller.Ref   { return controller.Ref{SecretsManagerSecretID: id} }
func parameter(n string) controller.Ref { return controller.Ref{SSMParameterName: n} }

func TestForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want controller.Credentials
	}{
		"user and password":     {`{"username": "ops", "password": "planted-pa55word"}`, controller.Credentials{Username: "ops", Password: planted}},
		"others are left alone": {"\n{\"password\": \"planted-pa55word\", \"engine\": {\"x\": 1}, \"port\": 443}\n", controller.Credentials{Username: "admin", Password: planted}},
		"token":                 {`{"token": "t0ken"}`, controller.Credentials{Username: "admin", Token: "t0ken"}},
		"null":                  {`{"username": null, "password": "planted-pa55word"}`, controller.Credentials{Username: "admin", Password: planted}},
		"plain":                 {planted, controller.Credentials{Username: "admin", Password: planted}},
		"plain with end":        {planted + "\r\n", controller.Credentials{Username: "admin", Password: planted}},
		"blanks belong to it":   {" a b ", controller.Credentials{Username: "admin", Password: " a b "}},
		"a number":              {"12345678", controller.Credentials{Username: "admin", Password: "12345678"}},
		"a brace":               {"{planted", controller.Credentials{Username: "admin", Password: "{planted"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, store := world(t)
			sim.Region(home).SetSecret("cml/lab", aws.Secret{Text: c.text})
			sim.Region(home).SetParameter("/cml/lab", c.text, true)
			for _, ref := range []controller.Ref{secret("cml/lab"), parameter("/cml/lab")} {
				got, err := store.Credentials(t.Context(), ref, home, "admin")
				if err != nil || got.Username != c.want.Username || got.Password != c.want.Password || got.Token != c.want.Token {
					t.Errorf("%+v: %q %q %q, %v", ref, got.Username, got.Password, got.Token, err)
				}
			}
		})
	}
}

// Whatever is wrong with a secret, the text names the reference and the region
// and nothing of the content.
func TestRefusedForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		value    aws.Secret
		username string
		kind     fault.Kind
		words    string
	}{
		"empty":          {aws.Secret{Text: "\n"}, "admin", fault.Invalid, "is empty"},
		"no members":     {aws.Secret{Text: `{"user": "planted-pa55word"}`}, "admin", fault.Invalid, "without `token` and without `password`"},
		"no JSON":        {aws.Secret{Text: `{planted-pa55word}`}, "admin", fault.Invalid, "like a JSON object, but is none"},
		"not a text":     {aws.Secret{Text: `{"password": ["planted-pa55word"]}`}, "admin", fault.Invalid, `member "password" is not a text`},
		"binary":         {aws.Secret{Binary: []byte(planted)}, "admin", fault.Invalid, "holds binary data"},
		"without user":   {aws.Secret{Text: planted}, "", fault.Credentials, "there is no user name"},
		"marked for end": {aws.Secret{Text: planted, Deleted: true}, "admin", fault.WrongState, "marked for deletion"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, store := world(t)
			sim.Region(home).SetSecret("cml/lab", c.value)
			_, err := store.Credentials(t.Context(), secret("cml/lab"), home, c.username)
			wantError(t, err, c.kind, `"cml/lab"`, "secretsmanager_secret_id", home, c.words)
		})
	}
}

// wantError asserts what the error says and, of the secret, does not say, and
// returns its next step.
func wantError(t *testing.T, err error, kind fault.Kind, words ...string) (next string) {
	t.Helper()
	var e *secrets.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T %v", err, err)
	}
	if fault.KindOf(err) != kind || fault.As(err).Kind != kind {
		t.Errorf("kind %s, want %s: %v", fault.KindOf(err), kind, err)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("%q lacks %q", e, w)
		}
	}
	if text := fmt.Sprintf("%v %+v %s", err, fault.As(err), e.NextStep()); strings.Contains(text, "planted") {
		t.Errorf("the secret is in %q", text)
	}
	return e.NextStep()
}

func TestMissing(t *testing.T) {
	t.Parallel()
	sim, store := world(t)
	_, err := store.Credentials(t.Context(), secret("cml/other"), "us-west-2", "admin")
	next := wantError(t, err, fault.BadReference, `Secrets Manager secret "cml/other"`, "us-west-2", "ResourceNotFoundException")
	if !strings.Contains(next, "region") || fault.As(err).RequestID == "" {
		t.Errorf("next step %q, request %q", next, fault.As(err).RequestID)
	}
	_, err = store.Credentials(t.Context(), parameter("/cml/other"), "us-west-2", "admin")
	wantError(t, err, fault.BadReference, `SSM parameter "/cml/other"`, "ssm_parameter_name", "us-west-2", "ParameterNotFound")
	for range 3 {
		if _, err := store.Credentials(t.Context(), secret("cml/other"), "us-west-2", "admin"); err == nil {
			t.Error("it is there now")
		}
	}
	if n := sim.Recorder.Count("secretsmanager", "GetSecretValue"); n != 1 {
		t.Errorf("asked %d times for the same answer", n)
	}
}

// The region of an ARN wins, and the ARN must be one of the service.
func TestARN(t *testing.T) {
	t.Parallel()
	sim, store := world(t)
	far := sim.Region("eu-west-1").SetSecret("cml/far", aws.Secret{Text: planted})
	distant := sim.Region("eu-west-1").SetParameter("/cml/far", planted, false)
	for _, ref := range []controller.Ref{secret(far), parameter(distant)} {
		if got, err := store.Credentials(t.Context(), ref, home, "admin"); err != nil || got.Password != planted {
			t.Errorf("%+v: %v", ref, err)
		}
	}
	for _, r := range sim.Recorder.All() {
		if r.Service != "sts" && r.Region != "eu-west-1" {
			t.Errorf("%s was asked in %s", r.Service, r.Region)
		}
	}
	before := sim.Recorder.Count("", "")
	for _, ref := range []controller.Ref{secret(distant), parameter(far), secret("arn:aws:secretsmanager")} {
		_, err := store.Credentials(t.Context(), ref, home, "admin")
		wantError(t, err, fault.Invalid, "ARN")
	}
	if after := sim.Recorder.Count("", ""); after != before {
		t.Errorf("%d requests for references that cannot be right", after-before)
	}
}

// Everybody who needs a secret shares one request, and each place has its own.
func TestOneRequestForAll(t *testing.T) {
	t.Parallel()
	sim, store := world(t)
	for _, region := range []string{home, "us-west-2"} {
		sim.Region(region).SetSecret("cml/lab", aws.Secret{Text: region})
	}
	var all sync.WaitGroup
	for range 20 {
		for _, region := range []string{home, "us-west-2"} {
			all.Go(func() {
				if got, err := store.Credentials(t.Context(), secret("cml/lab"), region, "admin"); err != nil || got.Password != region {
					t.Errorf("%s: %q, %v", region, got.Password, err)
				}
			})
		}
	}
	all.Wait()
	if n := sim.Recorder.Count("secretsmanager", "GetSecretValue"); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// A failure of the service or of one caller is nobody else's.
func TestFailuresThatPass(t *testing.T) {
	t.Parallel()
	sim, store := world(t)
	sim.Region(home).SetSecret("cml/lab", aws.Secret{Text: planted})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := store.Credentials(over, secret("cml/lab"), home, "admin"); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled caller: %v", err)
	}
	sim.Faults.Add(wire.Rule{Service: "ssm", Fault: wire.Fault{Kind: wire.Error, Code: "InternalServerError", Status: 500, Message: "no"}})
	_, err := store.Credentials(t.Context(), parameter("/cml/lab"), home, "admin")
	wantError(t, err, fault.Server, "InternalServerError")
	if n := sim.Recorder.Count("ssm", ""); n != 3 {
		t.Errorf("a broken service was asked %d times, want 3", n)
	}
	sim.Faults.Clear()
	sim.Region(home).SetParameter("/cml/lab", planted, true)
	if _, err := store.Credentials(t.Context(), parameter("/cml/lab"), home, "admin"); err != nil {
		t.Errorf("the service works again: %v", err)
	}
	if _, err := store.Credentials(t.Context(), secret("cml/lab"), home, "admin"); err != nil {
		t.Errorf("another caller was canceled: %v", err)
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	for action, ref := range map[string]controller.Ref{
		"secretsmanager:GetSecretValue": secret("cml/lab"), "ssm:GetParameter": parameter("/cml/lab"),
	} {
		for _, denied := range []string{action, "kms:Decrypt"} {
			t.Run(action+" without "+denied, func(t *testing.T) {
				t.Parallel()
				sim, store := world(t)
				sim.Region(home).SetSecret("cml/lab", aws.Secret{Text: planted})
				sim.Region(home).SetParameter("/cml/lab", planted, true)
				sim.Deny(aws.DefaultAccountID, denied)
				_, err := store.Credentials(t.Context(), ref, home, "admin")
				wantError(t, err, fault.PermissionDenied, "AccessDeniedException", home)
				if got := fault.As(err).MissingAction; got != denied {
					t.Errorf("the missing action is %q", got)
				}
			})
		}
	}
}

// A service that names no action, or another one.
func TestPermissionTexts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ code, message, want string }{
		"key in the text": {"AccessDeniedException", "User: u is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:us-east-1:1:key/2", "kms:Decrypt"},
		"no text":         {"AccessDeniedException", "no", "secretsmanager:GetSecretValue"},
		"key by its code": {"DecryptionFailure", "no", "kms:Decrypt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, store := world(t)
			sim.Faults.Add(wire.Rule{Service: "secretsmanager", Fault: wire.Fault{Kind: wire.Error, Code: c.code, Message: c.message, Status: 400}})
			_, err := store.Credentials(t.Context(), secret("kms/lab"), home, "admin")
			wantError(t, err, fault.PermissionDenied, c.code)
			if got := fault.As(err).MissingAction; got != c.want {
				t.Errorf("the missing action is %q, want %q", got, c.want)
			}
		})
	}
}

func TestForbiddenAccount(t *testing.T) {
	t.Parallel()
	sim, store := world(t, func(o *awsconf.Options) { o.ForbiddenAccountIDs = []string{aws.DefaultAccountID} })
	if _, err := store.Credentials(t.Context(), secret("cml/lab"), home, "admin"); !fault.Is(err, fault.Account) {
		t.Errorf("got %v", err)
	}
	if n := sim.Recorder.Count("secretsmanager", ""); n != 0 {
		t.Errorf("%d secrets were asked for", n)
	}
}
