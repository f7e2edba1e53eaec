package aws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

// metadata is the URL of an instance's metadata service.
func (w *world) metadata(id string) string {
	server := httptest.NewServer(w.Metadata(id))
	w.t.Cleanup(server.Close)
	return server.URL
}

// imds asks an instance's metadata service. Headers are pairs of names and values.
func (w *world) imds(id, method, path string, headers ...string) (int, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, w.metadata(id)+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := w.http().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

const (
	lifetime = "X-aws-ec2-metadata-token-ttl-seconds"
	bearer   = "X-aws-ec2-metadata-token"
	roles    = "/latest/meta-data/iam/security-credentials/"
)

func (w *world) session(id string) string {
	w.t.Helper()
	status, token := w.imds(id, "PUT", "/latest/api/token", lifetime, "60")
	if status != 200 || token == "" {
		w.t.Fatalf("token: %d %q", status, token)
	}
	return token
}

func (w *world) roleCredentials(id string) sdk.CredentialsProvider {
	w.t.Helper()
	token := w.session(id)
	status, role := w.imds(id, "GET", roles, bearer, token)
	if status != 200 {
		w.t.Fatalf("role: %d", status)
	}
	_, text := w.imds(id, "GET", roles+role, bearer, token)
	var key struct{ Code, Type, AccessKeyID, SecretAccessKey, Token, Expiration string }
	if err := json.Unmarshal([]byte(text), &key); err != nil || key.Code != "Success" || key.Type != "AWS-HMAC" || key.Expiration == "" {
		w.t.Fatalf("%v in %s", err, text)
	}
	return credentials.NewStaticCredentialsProvider(key.AccessKeyID, key.SecretAccessKey, key.Token)
}

func withProfile(in *ec2.RunInstancesInput) {
	in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: sdk.String("cml-worker")}
	in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired}
}

func TestMetadata(t *testing.T) {
	w := newWorld(t, aws.Options{})
	id := w.running(withProfile)
	for name, c := range map[string]struct {
		method, path string
		headers      []string
		status       int
	}{
		"no token":          {"GET", "/latest/meta-data/instance-id", nil, 401},
		"another's token":   {"GET", "/latest/meta-data/instance-id", []string{bearer, "x"}, 401},
		"no lifetime":       {"PUT", "/latest/api/token", nil, 400},
		"too long":          {"PUT", "/latest/api/token", []string{lifetime, "21601"}, 400},
		"through a proxy":   {"PUT", "/latest/api/token", []string{lifetime, "60", "X-Forwarded-For", "192.0.2.1"}, 403},
		"token by GET":      {"GET", "/latest/api/token", []string{lifetime, "60"}, 405},
		"unknown item":      {"GET", "/latest/meta-data/nothing", []string{bearer, w.session(id)}, 404},
		"another's role":    {"GET", roles + "another", []string{bearer, w.session(id)}, 404},
		"a token, and good": {"GET", "/latest/meta-data/instance-id", []string{bearer, w.session(id)}, 200},
	} {
		if status, body := w.imds(id, c.method, c.path, c.headers...); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, body, c.status)
		}
	}
	token := w.session(id)
	for path, want := range map[string]string{
		"/latest/meta-data/instance-id": id, "/latest/meta-data/placement/region": home,
		"/latest/meta-data/iam/security-credentials": "cml-worker", "/latest/dynamic/instance-identity/document": `"instanceId": "` + id + `"`,
	} {
		if _, got := w.imds(id, "GET", path, bearer, token); !strings.Contains(got, want) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if status, _ := w.imds("i-0123456789abcdef0", "PUT", "/latest/api/token", lifetime, "60"); status != 404 {
		t.Errorf("an instance that does not exist: %d", status)
	}
	client := imds.New(imds.Options{Endpoint: w.metadata(id), HTTPClient: w.http(), Retryer: sdk.NopRetryer{}})
	document, err := client.GetInstanceIdentityDocument(context.Background(), nil)
	if err != nil || document.InstanceID != id || document.Region != home || document.AccountID != aws.DefaultAccountID {
		t.Errorf("as the SDK reads it: %v, %+v", err, document)
	}
	plain := w.running(func(in *ec2.RunInstancesInput) {
		in.MetadataOptions = &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateOptional}
	})
	if status, got := w.imds(plain, "GET", "/latest/meta-data/instance-id"); status != 200 || got != plain {
		t.Errorf("version 1: %d %s", status, got)
	}
	if status, _ := w.imds(plain, "GET", "/latest/meta-data/instance-id", bearer, token); status != 401 {
		t.Errorf("the token of another instance: %d", status)
	}
	if status, _ := w.imds(plain, "GET", roles); status != 404 {
		t.Errorf("the role of an instance without a profile: %d", status)
	}
	w.Region(home).StopOutside(plain)
	if status, _ := w.imds(plain, "GET", "/latest/meta-data/instance-id"); status != 404 {
		t.Errorf("a stopped instance answers: %d", status)
	}
}

func TestRoleOfAnInstance(t *testing.T) {
	w := newWorld(t, aws.Options{})
	id := w.running(withProfile)
	role := w.roleCredentials(id)
	who, err := sts.New(sts.Options{Region: home, BaseEndpoint: sdk.String(w.url), Credentials: role, Retryer: sdk.NopRetryer{}, HTTPClient: w.http()}).
		GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if want := "arn:aws:sts::123456789012:assumed-role/cml-worker/" + id; err != nil || *who.Arn != want {
		t.Fatalf("%v, %v, want %s", err, who, want)
	}

	arn := w.Region(home).SetSecret("cml/lab", aws.Secret{Text: "text"})
	w.Region(home).SetSecret("cml/other", aws.Secret{Text: "text"})
	read := func(by sdk.CredentialsProvider, region, id string) error {
		client := secretsmanager.New(secretsmanager.Options{
			Region: region, BaseEndpoint: sdk.String(w.url), Credentials: by, Retryer: sdk.NopRetryer{}, HTTPClient: w.http()})
		_, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		return err
	}
	forged := credentials.NewStaticCredentialsProvider(must(role.Retrieve(context.Background())).AccessKeyID, "another", must(role.Retrieve(context.Background())).SessionToken)
	wantCode(t, read(forged, home, "cml/lab"), "SignatureDoesNotMatch")
	if err := read(role, home, "cml/other"); err != nil {
		t.Errorf("without a policy: %v", err)
	}
	for _, bad := range []string{`{`, `{"Statement": [{"Condition": {"DateLessThan": {"aws:CurrentTime": "x"}}}]}`} {
		if w.SetRolePolicy(aws.DefaultAccountID, "cml-worker", bad) == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	policy := func(more string) {
		t.Helper()
		if err := w.SetRolePolicy(aws.DefaultAccountID, "cml-worker", fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
			{"Effect": "Allow", "Action": ["secretsmanager:Get*"], "Resource": %q, "Condition": {"StringEquals": {"aws:RequestedRegion": ["us-east-1"]}}}%s]}`,
			arn[:len(arn)-6]+"*", more)); err != nil {
			t.Fatal(err)
		}
	}
	policy("")
	if err := read(role, home, "cml/lab"); err != nil {
		t.Errorf("what the policy allows: %v", err)
	}
	wantCode(t, read(role, home, "cml/other"), "AccessDeniedException")
	wantCode(t, read(role, "us-west-2", "cml/lab"), "AccessDeniedException")
	if err := read(static(), home, "cml/other"); err != nil {
		t.Errorf("another caller: %v", err)
	}
	policy(`, {"Effect": "Deny", "Action": "*", "Resource": "*"}`)
	wantCode(t, read(role, home, "cml/lab"), "AccessDeniedException")
	_, err = ec2.New(ec2.Options{Region: home, BaseEndpoint: sdk.String(w.url), Credentials: role, Retryer: sdk.NopRetryer{}, HTTPClient: w.http()}).
		DescribeInstances(context.Background(), &ec2.DescribeInstancesInput{})
	wantCode(t, err, "UnauthorizedOperation")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
