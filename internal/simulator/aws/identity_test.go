package aws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

const otherAccount = "210987654321"

func assume(w *world, role string, change ...func(*sts.AssumeRoleInput)) ([]string, string, error) {
	input := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: sdk.String("test")}
	for _, c := range change {
		c(input)
	}
	out, err := w.sts().AssumeRole(context.Background(), input)
	if err != nil {
		return nil, "", err
	}
	return []string{*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken}, *out.AssumedRoleUser.Arn, nil
}

func TestRoles(t *testing.T) {
	w := newWorld(t, aws.Options{Accounts: []aws.Account{{ID: otherAccount, Roles: []aws.Role{{Name: "partner", ExternalID: "secret", MaxDuration: 2 * time.Hour}}}}})
	ctx := context.Background()
	me, err := w.sts().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *me.Account != aws.DefaultAccountID || *me.Arn != "arn:aws:iam::123456789012:user/terraform" {
		t.Fatalf("%v, %+v", err, me)
	}
	prefix := "arn:aws:iam::" + otherAccount + ":role/"
	key, arn, err := assume(w, prefix+"cml-admin")
	if err != nil || arn != "arn:aws:sts::"+otherAccount+":assumed-role/cml-admin/test" {
		t.Fatal(err, arn)
	}
	them, err := w.sts(key...).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil || *them.Account != otherAccount || *them.Arn != arn {
		t.Errorf("%v, %+v", err, them)
	}
	mine := w.launch()
	out, err := w.ec2(home, key...).DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	if err != nil || len(out.Reservations) != 0 {
		t.Errorf("the other account sees %s: %v", mine, err)
	}

	_, _, err = assume(w, prefix+"nobody")
	wantCode(t, err, "AccessDenied")
	_, _, err = assume(w, prefix+"partner")
	wantCode(t, err, "AccessDenied")
	_, _, err = assume(w, prefix+"partner", func(in *sts.AssumeRoleInput) { in.ExternalId = sdk.String("secret") })
	wantCode(t, err, "")
	_, _, err = assume(w, prefix+"cml-admin", func(in *sts.AssumeRoleInput) { in.DurationSeconds = sdk.Int32(7200) })
	wantCode(t, err, "ValidationError")

	_, err = w.sts(key[0], key[1], "another token").GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	wantCode(t, err, "InvalidClientTokenId")
	_, err = w.sts(key[0], "another secret", key[2]).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	wantCode(t, err, "SignatureDoesNotMatch")
	w.ExpireSessions()
	_, err = w.sts(key...).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	wantCode(t, err, "ExpiredToken")
	_, err = w.ec2(home, key...).DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "RequestExpired")
}

func TestWebIdentity(t *testing.T) {
	w := newWorld(t, aws.Options{Accounts: []aws.Account{{ID: otherAccount, Roles: []aws.Role{{Name: "ci", WebIdentityTokens: []string{"jwt"}}}}}})
	assume := func(token string) (*sts.AssumeRoleWithWebIdentityOutput, error) {
		return w.sts().AssumeRoleWithWebIdentity(context.Background(), &sts.AssumeRoleWithWebIdentityInput{
			RoleArn: sdk.String("arn:aws:iam::" + otherAccount + ":role/ci"), RoleSessionName: sdk.String("ci"), WebIdentityToken: &token})
	}
	_, err := assume("forged")
	wantCode(t, err, "InvalidIdentityToken")
	out, err := assume("jwt")
	if err != nil {
		t.Fatal(err)
	}
	c := out.Credentials
	me, err := w.sts(*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).GetCallerIdentity(context.Background(), &sts.GetCallerIdentityInput{})
	if err != nil || *me.Account != otherAccount {
		t.Errorf("%v, %+v", err, me)
	}
}

func TestStrictCredentials(t *testing.T) {
	w := newWorld(t, aws.Options{StrictCredentials: true, Accounts: []aws.Account{{ID: aws.DefaultAccountID, Keys: []aws.Key{{AccessKeyID: "AKIAKNOWN", Secret: "s3cret"}}}}})
	ctx := context.Background()
	_, err := w.sts("AKIAUNKNOWN", "x").GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	wantCode(t, err, "InvalidClientTokenId")
	_, err = w.ec2(home, "AKIAUNKNOWN", "x").DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "AuthFailure")
	_, err = w.ec2(home, "AKIAKNOWN", "x").DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "AuthFailure")
	_, err = w.ec2(home, "AKIAKNOWN", "s3cret").DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	wantCode(t, err, "")
}

func TestDenied(t *testing.T) {
	w := newWorld(t, aws.Options{})
	ctx := context.Background()
	w.Deny(aws.DefaultAccountID, "ec2:RunInstances", "ec2:DescribeVol*")
	_, err := w.ec2(home).RunInstances(ctx, launchInput())
	wantCode(t, err, "UnauthorizedOperation")
	const marker = "Encoded authorization failure message: "
	if !strings.Contains(err.Error(), "User: arn:aws:iam::123456789012:user/terraform is not authorized to perform: ec2:RunInstances on resource: arn:aws:ec2:us-east-1:") ||
		!strings.Contains(err.Error(), marker) {
		t.Fatalf("error %q", err)
	}
	_, encoded, _ := strings.Cut(err.Error(), marker)
	decoded, err := w.sts().DecodeAuthorizationMessage(ctx, &sts.DecodeAuthorizationMessageInput{EncodedMessage: &encoded})
	if err != nil || !strings.Contains(*decoded.DecodedMessage, `"action":"ec2:RunInstances"`) {
		t.Errorf("%v, %+v", err, decoded)
	}
	_, err = w.ec2(home).DescribeVolumes(ctx, &ec2.DescribeVolumesInput{})
	wantCode(t, err, "UnauthorizedOperation")
	if strings.Contains(err.Error(), marker) || strings.Contains(err.Error(), "on resource") {
		t.Errorf("a read has no resource: %q", err)
	}
	dry := launchInput()
	dry.DryRun = sdk.Bool(true)
	_, err = w.ec2(home).RunInstances(ctx, dry)
	wantCode(t, err, "UnauthorizedOperation")
	w.Deny(aws.DefaultAccountID)
	_, err = w.ec2(home).RunInstances(ctx, launchInput())
	wantCode(t, err, "")
}

// Services without an SDK client in this module are asked by hand, signed as the SDK signs.
func TestJSONServices(t *testing.T) {
	w := newWorld(t, aws.Options{Accounts: []aws.Account{{ID: aws.DefaultAccountID, Keys: []aws.Key{{AccessKeyID: "AKIAKNOWN", Secret: "s3cret"}}}}})
	ask := func(service, target, body string) (int, string) {
		t.Helper()
		request, err := http.NewRequest(http.MethodPost, w.url+"/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-amz-json-1.1")
		request.Header.Set("X-Amz-Target", target)
		sum := sha256.Sum256([]byte(body))
		key := sdk.Credentials{AccessKeyID: "AKIAKNOWN", SecretAccessKey: "s3cret"}
		if err := v4.NewSigner().SignHTTP(context.Background(), key, request, hex.EncodeToString(sum[:]), service, home, time.Now()); err != nil {
			t.Fatal(err)
		}
		response, err := w.http().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		answer, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(bytes.TrimSpace(answer))
	}
	w.Region(home).SetQuota(aws.QuotaStandardVCPUs, 32)
	if status, body := ask("servicequotas", "ServiceQuotasV20190624.GetServiceQuota", `{"ServiceCode":"ec2","QuotaCode":"L-1216C47A"}`); status != 200 || !strings.Contains(body, `"Value":32`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := ask("servicequotas", "ServiceQuotasV20190624.GetServiceQuota", `{"ServiceCode":"ec2","QuotaCode":"L-0"}`); status != 400 || !strings.Contains(body, `"__type":"NoSuchResourceException"`) {
		t.Errorf("%d %s", status, body)
	}
	asked := func(service string, filters ...string) string {
		body := `{"ServiceCode":"` + service + `","FormatVersion":"aws_v1","Filters":[`
		for _, f := range filters {
			name, value, _ := strings.Cut(f, "=")
			body += `{"Type":"TERM_MATCH","Field":"` + name + `","Value":"` + value + `"},`
		}
		return strings.TrimSuffix(body, ",") + "]}"
	}
	const products = "AWSPriceListService.GetProducts"
	status, body := ask("pricing", products, asked("AmazonEC2", "instanceType=m8i.2xlarge", "regionCode=us-east-1", "operatingSystem=Linux", "preInstalledSw=NA", "tenancy=Shared", "capacitystatus=Used"))
	// On demand and reserved stand side by side.
	if status != 200 || strings.Count(body, `\"USD\":\"0.4233600000\"`) != 1 || strings.Count(body, "priceDimensions") != 2 {
		t.Errorf("%d %s", status, body)
	}
	status, body = ask("pricing", products, asked("AmazonVPC", "regionCode=eu-west-1", "group=VPCPublicIPv4Address"))
	if status != 200 || strings.Count(body, `EU-PublicIPv4:InUseAddress`) != 1 || strings.Contains(body, "productFamily") || strings.Contains(body, "NextToken") {
		t.Errorf("%d %s", status, body)
	}
	for body, code := range map[string]string{
		asked("AmazonS3"): "NotFoundException",
		`{"ServiceCode":"AmazonEC2","MaxResults":101}`:                                    "InvalidParameterException",
		`{"ServiceCode":"AmazonEC2","NextToken":"x"}`:                                     "InvalidNextTokenException",
		`{"ServiceCode":"AmazonEC2","Filters":[{"Type":"LIKE","Field":"a","Value":"b"}]}`: "InvalidParameterException",
	} {
		if status, answer := ask("pricing", products, body); status != 400 || !strings.Contains(answer, code) {
			t.Errorf("%s: %d %s", body, status, answer)
		}
	}
}
