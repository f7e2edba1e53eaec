package validators_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// check runs a validator and returns the details of its errors on one line.
func check(v validator.String, value types.String) string {
	var resp validator.StringResponse
	v.ValidateString(context.Background(), validator.StringRequest{Path: path.Root("it"), ConfigValue: value}, &resp)
	var out []string
	for _, d := range resp.Diagnostics.Errors() {
		out = append(out, d.Summary()+": "+d.Detail())
	}
	return strings.Join(out, "\n")
}

func certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// Terraform shows where an argument stands, not where a member of an object does.
func TestMembersOfObjectsAreNamed(t *testing.T) {
	t.Parallel()
	var resp validator.StringResponse
	validators.Duration(time.Second, time.Hour).ValidateString(t.Context(), validator.StringRequest{
		Path: path.Root("readiness").AtName("timeout"), ConfigValue: types.StringValue("soon"),
	}, &resp)
	if d := resp.Diagnostics.Errors(); len(d) != 1 || !strings.HasPrefix(d[0].Detail(), `readiness.timeout: "soon" is not a duration.`) {
		t.Errorf("got %v", d)
	}
}

func TestStrings(t *testing.T) {
	t.Parallel()
	cert := certificate(t)
	const digest = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	// Each validator: what passes, and what fails with a part of the advice.
	cases := map[string]struct {
		validator validator.String
		good      []string
		bad       map[string]string
	}{
		"ami": {validators.AMIID(), []string{"ami-0987654321fedcba0", "ami-12c6146b", "ami-000001"},
			map[string]string{"": "ami-0123456789abcdef0", "ami_1": "ami-0123456789abcdef0", "AMI-01": "an AMI id", "CML-2.9": "an AMI id", "ami-": "an AMI id", "ami-1 ": "an AMI id"}},
		"subnet": {validators.SubnetID(), []string{"subnet-0aaa"}, map[string]string{"sn-1": "subnet-0123456789abcdef0", "sg-1": "subnet id"}},
		"group":  {validators.SecurityGroupID(), []string{"sg-0123"}, map[string]string{"default": "sg-0123456789abcdef0"}},
		"vpc":    {validators.VPCID(), []string{"vpc-0123"}, map[string]string{"10.0.0.0/16": "VPC id"}},
		"eip":    {validators.AllocationID(), []string{"eipalloc-0123"}, map[string]string{"203.0.113.1": "Elastic IP allocation id"}},
		"instance": {validators.InstanceID(), []string{"i-0123456789abcdef0"},
			map[string]string{"i-0123@us-east-1": "instance id", "mi-0123": "instance id"}},
		"region": {validators.Region(), []string{"us-east-1", "us-gov-west-1", "ap-southeast-10", "eusc-de-east-1"},
			map[string]string{"us-east-1a": `The region is "us-east-1"`, "virginia": `as in "us-east-1"`, "US-EAST-1": "not the name", "": "not the name"}},
		"account": {validators.AccountID(), []string{"111122223333", "000000000000"},
			map[string]string{"1111-2222-3333": `"111122223333"`, "12345": "leading zero", "lab": "12 digits"}},
		"arn": {validators.ARN("iam"), []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws-cn:iam::111122223333:policy/a"},
			map[string]string{"ReadOnlyAccess": "not an ARN", "arn:aws:s3:::bucket": `"s3"`}},
		"role": {validators.RoleARN(), []string{"", "arn:aws:iam::111122223333:role/path/cml", "arn:aws-us-gov:iam::111122223333:role/cml"},
			map[string]string{"cml": "arn:aws:iam::111122223333:role/", "arn:aws:iam::111122223333:user/cml": "IAM role"}},
		"session":  {validators.SessionName(), []string{"terraform-cml", "a@b.c"}, map[string]string{"a": "2 to 64", "two words": "without spaces"}},
		"external": {validators.ExternalID(), []string{"lab:team/1"}, map[string]string{"x": "2 to 1224", "a b": "without spaces"}},
		"json":     {validators.JSONObject(), []string{`{"Version":"2012-10-17"}`}, map[string]string{"{": "jsonencode", "[]": "JSON object", "allow": "jsonencode"}},
		"type":     {validators.InstanceType(), []string{"m8i.2xlarge", "m5zn.metal", "u-6tb1.112xlarge"}, map[string]string{"m8i": `"m8i.2xlarge"`, "M8I.LARGE": "lower case"}},
		"profile": {validators.InstanceProfileName(), []string{"cml-worker"},
			map[string]string{"arn:aws:iam::111122223333:instance-profile/x/cml-worker": `"cml-worker"`, "a b": "IAM takes"}},
		"duration": {validators.Duration(time.Second, 24*time.Hour), []string{"1s", "90s", "1h30m", "24h"},
			map[string]string{"90": `"90s"`, "-5m": `"1s" and "24h"`, "25h": "out of range", "0s": "out of range", "ten minutes": `"1h30m"`, "": "not a duration"}},
		"name": {validators.ResourceName(), []string{"lab-01", strings.Repeat("ü", 255)},
			map[string]string{"": "empty", strings.Repeat("x", 256): "256 characters", "a\nb": "control character", " lab": "space"}},
		"ipv4":    {validators.IPv4(), []string{"10.0.1.20"}, map[string]string{"10.0.1.0/24": "is a network", "fe80::1": "IPv4", "10.0.1": "IPv4"}},
		"version": {validators.CMLVersion(), []string{"2.9", "2.9.0", "2.9.1+build.7", "2.10.0-dev0"}, map[string]string{"latest": `"2.9.0"`, "v2.9": "not a CML version"}},
		"url":     {validators.HTTPURL(), []string{"http://127.0.0.1:4566", "https://[::1]:8443/x"}, map[string]string{"localhost:4566": "scheme", "ftp://h": `"ftp"`, "http://": "not a complete URL"}},
		"proxy":   {validators.ProxyURL(), []string{"", "http://u:p@proxy:3128", "socks5://proxy:1080"}, map[string]string{"proxy:3128": "scheme", "proxy": "not a complete URL"}},
		"host": {validators.Hostname(), []string{"lab-01.example.net", "localhost"},
			map[string]string{"https://lab": "without scheme", "lab:443": "without scheme, port", "203.0.113.9": "is an address", "-lab": "not a host name"}},
		"fingerprint": {validators.Fingerprint(),
			[]string{digest, strings.ToUpper(digest), strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), "sha256:" + digest, "sha256 Fingerprint=" + digest},
			map[string]string{digest[:40]: "SHA-1", digest[:63]: "64 hexadecimal", "zz" + digest[2:]: "64 hexadecimal"}},
		"pem": {validators.PEMCertificates(), []string{cert, cert + cert},
			map[string]string{
				"cml-ca.pem": "no PEM certificate",
				"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "certificates only",
				"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "cannot be read",
			}},
		"base64": {validators.Base64(), []string{"aGVsbG8="}, map[string]string{"#cloud-config": "base64encode()"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, unset := range []types.String{types.StringNull(), types.StringUnknown()} {
				if got := check(c.validator, unset); got != "" {
					t.Errorf("%s: %s", unset, got)
				}
			}
			for _, value := range c.good {
				if got := check(c.validator, types.StringValue(value)); got != "" {
					t.Errorf("%q is refused: %s", value, got)
				}
			}
			for value, want := range c.bad {
				got := check(c.validator, types.StringValue(value))
				if !strings.HasPrefix(got, "Invalid ") || !strings.Contains(got, want) {
					t.Errorf("%q: got %q, want a text with %q", value, got, want)
				}
			}
			if c.validator.Description(context.Background()) == "" {
				t.Error("no description")
			}
		})
	}
}

// What may be a secret is not repeated.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]validator.String{
		"base64": validators.Base64(), "pem": validators.PEMCertificates(), "url": validators.HTTPURL(), "proxy": validators.ProxyURL(),
	} {
		if got := check(v, types.StringValue("gopher://user:hunter2!")); got == "" || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestMaps(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 257)
	for name, c := range map[string]struct {
		validator validator.Map
		entry     [2]string
		want      string
	}{
		"good tag":        {validators.Tags(), [2]string{"Owner", "netops"}, ""},
		"empty value":     {validators.Tags(), [2]string{"Owner", ""}, ""},
		"empty key":       {validators.Tags(), [2]string{"", "x"}, "Write 1 to 128"},
		"long key":        {validators.Tags(), [2]string{long, "x"}, "257 characters"},
		"long value":      {validators.Tags(), [2]string{"a", long}, "at most 256"},
		"reserved":        {validators.Tags(), [2]string{"AWS:x", "x"}, "keeps for itself"},
		"good header":     {validators.HTTPHeaders(), [2]string{"X-Gateway", "a b"}, ""},
		"header name":     {validators.HTTPHeaders(), [2]string{"X Gateway", "a"}, "not the name"},
		"header lines":    {validators.HTTPHeaders(), [2]string{"X-Gateway", "a\r\nb"}, "more than one line"},
		"own header":      {validators.HTTPHeaders(), [2]string{"authorization", "Bearer x"}, "by the provider itself"},
		"transfer header": {validators.HTTPHeaders(), [2]string{"Host", "x"}, "by the provider itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			value := types.MapValueMust(types.StringType, map[string]attr.Value{c.entry[0]: types.StringValue(c.entry[1])})
			var resp validator.MapResponse
			c.validator.ValidateMap(context.Background(), validator.MapRequest{Path: path.Root("it"), ConfigValue: value}, &resp)
			switch {
			case c.want == "" && resp.Diagnostics.HasError():
				t.Errorf("refused: %v", resp.Diagnostics)
			case c.want != "" && (!resp.Diagnostics.HasError() || !strings.Contains(resp.Diagnostics[0].Detail(), c.want)):
				t.Errorf("got %v, want a text with %q", resp.Diagnostics, c.want)
			}
			for _, unset := range []types.Map{types.MapNull(types.StringType), types.MapUnknown(types.StringType)} {
				var resp validator.MapResponse
				c.validator.ValidateMap(context.Background(), validator.MapRequest{ConfigValue: unset}, &resp)
				if resp.Diagnostics.HasError() {
					t.Errorf("%s is refused", unset)
				}
			}
		})
	}
}
