package awsconf_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// All regions and all callers share one look-up of credentials and one
// GetCallerIdentity, and making the factory asks nothing.
func TestOneLookupForAll(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	o := at(url, "AKIAKEYS")
	o.AssumeRole = []awsconf.AssumeRole{
		{RoleARN: role(keys, "hop"), SessionName: "first"},
		{RoleARN: role(labs, "operator"), SessionName: "second", ExternalID: "lab-team"},
	}
	f := awsconf.New(o)
	if n := sim.Recorder.Count("", ""); n != 0 {
		t.Fatalf("%d requests before anything was asked", n)
	}
	var all sync.WaitGroup
	for _, region := range []string{"us-east-1", "us-west-2", "eu-west-1", ""} {
		for range 5 {
			all.Go(func() {
				cfg, err := f.Config(t.Context(), region)
				if err != nil {
					t.Errorf("%s: %v", region, err)
					return
				}
				if want := region; cfg.Region != want && (want != "" || cfg.Region != "us-east-1") {
					t.Errorf("region %q, want %q", cfg.Region, want)
				}
				if _, err := cfg.Credentials.Retrieve(t.Context()); err != nil {
					t.Errorf("%s: %v", region, err)
				}
				id, err := f.Identity(t.Context())
				if err != nil || id.AccountID != labs || id.Partition != "aws" || !strings.Contains(id.ARN, "assumed-role/operator/second") {
					t.Errorf("identity %+v, %v", id, err)
				}
			})
		}
	}
	all.Wait()
	// aws-sdk-go-base tries each role once before the credentials that are
	// kept are made: two requests a link, whatever the number of regions.
	if roles, who := sim.Recorder.Count("sts", "AssumeRole"), sim.Recorder.Count("sts", "GetCallerIdentity"); roles > 4 || who != 1 {
		t.Errorf("%d AssumeRole and %d GetCallerIdentity, want at most 4 and 1: %v", roles, who, sim.Recorder.Operations(""))
	}
}

// Each argument of assume_role arrives.
func TestAssumeRoleArguments(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	o := at(url, "AKIAKEYS")
	o.AssumeRole = []awsconf.AssumeRole{{
		RoleARN: role(labs, "operator"), Duration: 20 * time.Minute, ExternalID: "lab-team", Policy: `{"Version":"2012-10-17"}`,
		PolicyARNs: []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, SessionName: "terraform-cml", SourceIdentity: "me",
		Tags: map[string]string{"Team": "net"}, TransitiveTagKeys: []string{"Team"},
	}}
	if _, err := awsconf.New(o).Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := sim.Recorder.All()[0].Params
	for name, want := range map[string]string{
		"Action": "AssumeRole", "RoleArn": role(labs, "operator"), "DurationSeconds": "1200", "ExternalId": "lab-team",
		"Policy": `{"Version":"2012-10-17"}`, "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "RoleSessionName": "terraform-cml",
		"SourceIdentity": "me", "Tags.member.1.Key": "Team", "Tags.member.1.Value": "net", "TransitiveTagKeys.member.1": "Team",
	} {
		if got.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.Get(name), want)
		}
	}
}

// The broken link of a chain is named, and asked once for the whole run.
func TestBrokenLink(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	o := at(url, "AKIAKEYS")
	o.AssumeRole = []awsconf.AssumeRole{{RoleARN: role(keys, "hop")}, {RoleARN: role(labs, "operator"), ExternalID: "wrong"}}
	f := awsconf.New(o)
	_, err := f.Config(t.Context(), "us-west-2")
	next := wantError(t, err, "assume_role[1]", role(labs, "operator"), "number 2 of the chain of 2", "not authorized to perform: sts:AssumeRole")
	if !fault.Is(err, fault.PermissionDenied) || fault.As(err).MissingAction != "sts:AssumeRole" {
		t.Errorf("kind %s, missing %q", fault.KindOf(err), fault.As(err).MissingAction)
	}
	if !strings.Contains(next, role(keys, "hop")) {
		t.Errorf("next step %q does not say who must be trusted", next)
	}
	before := sim.Recorder.Count("", "")
	for range 3 {
		if _, again := f.Config(t.Context(), "eu-west-1"); again == nil {
			t.Error("it works now")
		}
	}
	if after := sim.Recorder.Count("", ""); after != before {
		t.Errorf("%d more requests for the same answer", after-before)
	}
}

func TestWebIdentity(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		identity awsconf.WebIdentity
		good     bool
	}{
		"token":       {awsconf.WebIdentity{RoleARN: role(labs, "ci"), Token: "ci-token", SessionName: "ci"}, true},
		"file":        {awsconf.WebIdentity{RoleARN: role(labs, "ci"), TokenFile: writeFile(t, "ci-token")}, true},
		"wrong token": {awsconf.WebIdentity{RoleARN: role(labs, "ci"), Token: "secret!"}, false},
		"no file":     {awsconf.WebIdentity{RoleARN: role(labs, "ci"), TokenFile: "/nonexistent/token"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := world(t)
			o := at(url, "")
			o.SecretKey, o.AssumeRoleWithWebIdentity = "", &c.identity
			id, err := awsconf.New(o).Identity(t.Context())
			if !c.good {
				wantError(t, err, "assume_role_with_web_identity", role(labs, "ci"))
				return
			}
			if err != nil || id.AccountID != labs {
				t.Errorf("%+v, %v", id, err)
			}
		})
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		allowed, forbidden []string
		argument           string
	}{
		"allowed":     {[]string{"000000000001", labs}, nil, ""},
		"not allowed": {[]string{"000000000001"}, nil, "allowed_account_ids"},
		"forbidden":   {nil, []string{labs}, "forbidden_account_ids"},
		"other":       {nil, []string{"000000000001"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, url := world(t)
			o := at(url, "AKIALABS")
			o.AllowedAccountIDs, o.ForbiddenAccountIDs = c.allowed, c.forbidden
			_, err := awsconf.New(o).Identity(t.Context())
			if c.argument == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, c.argument, labs, "user/terraform")
			if !fault.Is(err, fault.Account) {
				t.Errorf("kind %s", fault.KindOf(err))
			}
		})
	}
}

func TestExpiredToken(t *testing.T) {
	t.Parallel()
	sim, err := aws.New(aws.Options{Accounts: []aws.Account{{ID: labs, Keys: []aws.Key{
		{AccessKeyID: "ASIAOLD", SessionToken: "session", Expires: time.Now().Add(-time.Minute)}}}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	defer server.Close()
	o := at(server.URL, "ASIAOLD")
	o.Token = "session"
	_, err = awsconf.New(o).Identity(t.Context())
	next := wantError(t, err, "token", "expired")
	if next != "" || fault.As(err).Code != "ExpiredToken" {
		t.Errorf("tfdiag's own advice for %q is replaced by %q", fault.As(err).Code, next)
	}

	o.AssumeRole = []awsconf.AssumeRole{{RoleARN: role(labs, "cml-admin")}}
	_, err = awsconf.New(o).Identity(t.Context())
	if next := wantError(t, err, "assume_role", role(labs, "cml-admin"), "expired"); next != "" {
		t.Errorf("next step %q", next)
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	_, url := world(t)
	for name, o := range map[string]awsconf.Options{"unknown": at(url, "AKIAUNKNOWN"), "secret": at(url, "AKIALABS")} {
		if name == "secret" {
			o.SecretKey = "secret!"
		}
		_, err := awsconf.New(o).Identity(t.Context())
		wantError(t, err, "access_key, secret_key, profile", "does not accept the credentials")
		if !fault.Is(err, fault.Credentials) {
			t.Errorf("%s: kind %s", name, fault.KindOf(err))
		}
	}
}

func TestNoCredentials(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	o := at(url, "")
	o.SecretKey = ""
	_, err := awsconf.New(o).Config(t.Context(), "")
	next := wantError(t, err, "access_key, secret_key, profile", "No AWS credentials were found")
	if !fault.Is(err, fault.Credentials) || !strings.Contains(next, "AWS_PROFILE") {
		t.Errorf("%s: %s", fault.KindOf(err), next)
	}
	if n := sim.Recorder.Count("", ""); n != 0 {
		t.Errorf("%d requests without credentials", n)
	}
}

func TestEnvironmentCredentials(t *testing.T) {
	_, url := world(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIALABS")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "labs-secret")
	o := at(url, "")
	o.SecretKey = ""
	if id, err := awsconf.New(o).Identity(t.Context()); err != nil || id.AccountID != labs {
		t.Errorf("%+v, %v", id, err)
	}
}

const sharedCredentials = `
[labs]
aws_access_key_id = AKIALABS
aws_secret_access_key = labs-secret

[other]
aws_access_key_id = AKIAKEYS
aws_secret_access_key = x
`

func TestProfiles(t *testing.T) {
	_, url := world(t)
	o := at(url, "")
	o.SecretKey, o.Profile, o.SharedCredentialsFiles = "", "labs", []string{writeFile(t, sharedCredentials)}
	if id, err := awsconf.New(o).Identity(t.Context()); err != nil || id.AccountID != labs {
		t.Errorf("profile: %+v, %v", id, err)
	}

	o.Profile = "lbas"
	_, err := awsconf.New(o).Identity(t.Context())
	wantError(t, err, "profile", `"lbas"`, "none of the shared files")

	o.Profile = ""
	t.Setenv("AWS_PROFILE", "other")
	if id, err := awsconf.New(o).Identity(t.Context()); err != nil || id.AccountID != keys {
		t.Errorf("AWS_PROFILE: %+v, %v", id, err)
	}
	t.Setenv("AWS_PROFILE", "nowhere")
	_, err = awsconf.New(o).Identity(t.Context())
	wantError(t, err, "profile", `"nowhere"`, "AWS_PROFILE")
}

// A role named by the profile is assumed through the endpoint of STS, and its
// refusal is told apart from "no credentials".
func TestProfileWithRole(t *testing.T) {
	t.Parallel()
	_, url := world(t)
	o := at(url, "")
	o.SecretKey, o.Profile = "", "ops"
	o.SharedCredentialsFiles = []string{writeFile(t, sharedCredentials)}
	config := "[profile ops]\nsource_profile = other\nrole_arn = " + role(labs, "operator") + "\n"
	o.SharedConfigFiles = []string{writeFile(t, config+"external_id = lab-team\n")}
	if id, err := awsconf.New(o).Identity(t.Context()); err != nil || id.AccountID != labs {
		t.Errorf("%+v, %v", id, err)
	}
	o.SharedConfigFiles = []string{writeFile(t, config)}
	_, err := awsconf.New(o).Identity(t.Context())
	wantError(t, err, "profile", "cannot be used", "not authorized to perform: sts:AssumeRole")
}

func TestSSOSessionExpired(t *testing.T) {
	t.Parallel()
	o := awsconf.Options{Region: "us-east-1", Profile: "sso", SharedConfigFiles: []string{writeFile(t, `
[profile sso]
sso_start_url = https://example.awsapps.com/start
sso_region = us-east-1
sso_account_id = 111122223333
sso_role_name = operator
`)}}
	_, err := awsconf.New(o).Config(t.Context(), "")
	if next := wantError(t, err, "profile", "single sign-on"); !strings.Contains(next, "aws sso login --profile sso") {
		t.Errorf("next step %q", next)
	}
}

// Whoever sets both flags wants nothing asked of STS; one of them alone still
// asks, as in provider "aws".
func TestSkipFlags(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ credentials, account, asked bool }{
		"neither": {false, false, true}, "credentials": {true, false, true}, "account": {false, true, true}, "both": {true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim, url := world(t)
			o := at(url, "AKIALABS")
			o.Region = "cn-north-1"
			o.SkipCredentialsValidation, o.SkipRequestingAccountID = c.credentials, c.account
			id, err := awsconf.New(o).Identity(t.Context())
			asked := sim.Recorder.Count("sts", "GetCallerIdentity") > 0
			if asked != c.asked {
				t.Fatalf("asked: %t, want %t", asked, c.asked)
			}
			if !asked && (err != nil || id != awsconf.Identity{Partition: "aws-cn"}) {
				t.Errorf("%+v, %v", id, err)
			}
		})
	}
}

// STS that cannot be reached is not kept: the next to ask tries again.
func TestUnreachableIsNotKept(t *testing.T) {
	t.Parallel()
	sim, _ := world(t)
	var down atomic.Bool
	down.Store(true)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler)
		}
		sim.ServeHTTP(w, r)
	}))
	defer server.Close()
	o := at(server.URL, "AKIALABS")
	one := 1
	o.MaxRetries = &one
	f := awsconf.New(o)
	_, err := f.Identity(t.Context())
	next := wantError(t, err, "endpoints.sts", "cannot be reached")
	if !fault.Is(err, fault.Unreachable) || !strings.Contains(next, "skip_requesting_account_id") {
		t.Errorf("%s: %s", fault.KindOf(err), next)
	}
	down.Store(false)
	if id, err := f.Identity(t.Context()); err != nil || id.AccountID != labs {
		t.Errorf("%+v, %v", id, err)
	}
}

// A context that ends is reported as that, and is no verdict for others.
func TestEndedContext(t *testing.T) {
	t.Parallel()
	_, url := world(t)
	f := awsconf.New(at(url, "AKIALABS"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Identity(ctx); !fault.Is(err, fault.Canceled) {
		t.Errorf("got %v", err)
	}
	if id, err := f.Identity(t.Context()); err != nil || id.AccountID != labs {
		t.Errorf("%+v, %v", id, err)
	}
}
