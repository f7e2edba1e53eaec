package awsconf_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// TestMain takes what the machine knows about AWS out of the way: no test may
// find its credentials, its proxy or its metadata service.
func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	home, err := os.MkdirTemp("", "awsconf-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(home) }()
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		upper := strings.ToUpper(name)
		if strings.HasPrefix(upper, "AWS_") || strings.HasPrefix(upper, "TF_") || strings.HasSuffix(upper, "_PROXY") {
			if err := os.Unsetenv(name); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
	}
	for name, value := range map[string]string{"HOME": home, "AWS_EC2_METADATA_DISABLED": "true"} {
		if err := os.Setenv(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

const (
	labs = "111122223333"
	keys = "444455556666" // where the access keys are
)

// world is an AWS with keys in one account and roles in another.
func world(t *testing.T) (*aws.Simulator, string) {
	t.Helper()
	sim, err := aws.New(aws.Options{
		StrictCredentials: true,
		Accounts: []aws.Account{
			{ID: keys, Keys: []aws.Key{{AccessKeyID: "AKIAKEYS"}}, Roles: []aws.Role{{Name: "hop"}}},
			{ID: labs, Keys: []aws.Key{{AccessKeyID: "AKIALABS", Secret: "labs-secret"}},
				Roles: []aws.Role{{Name: "operator", ExternalID: "lab-team"}, {Name: "ci", WebIdentityTokens: []string{"ci-token"}}}},
		},
	})
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
	return sim, server.URL
}

// at returns options that lead to one endpoint with the keys of an account.
func at(url, accessKey string) awsconf.Options {
	return awsconf.Options{
		Region: "us-east-1", AccessKey: accessKey, SecretKey: "labs-secret", Version: "1.2.3",
		Endpoints: map[awsconf.Service]string{awsconf.EC2: url, awsconf.STS: url},
	}
}

func role(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// wantError asserts an *awsconf.Error that names the argument and holds the
// words, and returns its next step.
func wantError(t *testing.T, err error, argument string, words ...string) string {
	t.Helper()
	var e *awsconf.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %T %v, want an *awsconf.Error", err, err)
	}
	if e.ProviderArgument() != argument {
		t.Errorf("names the argument %q, want %q (%s)", e.ProviderArgument(), argument, e)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("%q lacks %q", e.Error(), w)
		}
	}
	if strings.Contains(e.Error()+e.NextStep(), "secret!") || strings.Contains(e.Error(), "labs-secret") {
		t.Errorf("a secret in %q", e.Error())
	}
	return e.NextStep()
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
