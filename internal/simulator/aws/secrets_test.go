package aws_test

import (
	"context"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
)

func TestSecrets(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client := secretsmanager.New(secretsmanager.Options{
		Region: home, BaseEndpoint: sdk.String(w.url), Credentials: static(), Retryer: sdk.NopRetryer{}, HTTPClient: w.http()})
	arn := w.Region(home).SetSecret("cml/lab", aws.Secret{Text: "first"})
	if again := w.Region(home).SetSecret("cml/lab", aws.Secret{Text: "second"}); again != arn {
		t.Errorf("the ARN changed from %s to %s", arn, again)
	}
	for _, id := range []string{"cml/lab", arn, arn[:len(arn)-len("-123456")]} {
		out, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &id})
		if err != nil || sdk.ToString(out.SecretString) != "second" || sdk.ToString(out.ARN) != arn || out.CreatedDate.IsZero() {
			t.Errorf("%s: %v, %+v", id, err, out)
		}
	}
	w.Region(home).SetSecret("cml/lab", aws.Secret{Binary: []byte{1, 2}})
	out, err := client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	if err != nil || out.SecretString != nil || len(out.SecretBinary) != 2 {
		t.Errorf("%v, %+v", err, out)
	}
	w.Region(home).SetSecret("cml/lab", aws.Secret{Deleted: true})
	_, err = client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	wantCode(t, err, "InvalidRequestException")
	_, err = client.GetSecretValue(context.Background(), &secretsmanager.GetSecretValueInput{SecretId: sdk.String("cml")})
	wantCode(t, err, "ResourceNotFoundException")
}

func TestParameters(t *testing.T) {
	w := newWorld(t, aws.Options{})
	client := ssm.New(ssm.Options{
		Region: home, BaseEndpoint: sdk.String(w.url), Credentials: static(), Retryer: sdk.NopRetryer{}, HTTPClient: w.http()})
	get := func(name string, decrypt bool) (*types.Parameter, error) {
		out, err := client.GetParameter(context.Background(), &ssm.GetParameterInput{Name: &name, WithDecryption: &decrypt})
		if err != nil {
			return nil, err
		}
		return out.Parameter, nil
	}
	arn := w.Region(home).SetParameter("/cml/lab", "first", true)
	w.Region(home).SetParameter("/cml/lab", "second", true)
	w.Region(home).SetParameter("plain", "text", false)
	for _, name := range []string{"/cml/lab", arn} {
		if p, err := get(name, true); err != nil || *p.Value != "second" || p.Type != types.ParameterTypeSecureString || p.Version != 2 {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
	}
	if p, err := get("/cml/lab", false); err != nil || *p.Value == "second" {
		t.Errorf("not decrypted: %v, %+v", err, p)
	}
	if p, err := get("plain", false); err != nil || *p.Value != "text" || p.Type != types.ParameterTypeString {
		t.Errorf("plain: %v, %+v", err, p)
	}
	_, err := get("cml/lab", true)
	wantCode(t, err, "ParameterNotFound")
	w.Deny(aws.DefaultAccountID, "kms:Decrypt")
	_, err = get("/cml/lab", true)
	wantCode(t, err, "AccessDeniedException")
}
