package provider_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
)

const certificate = `-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIBATAKBggqhkjOPQQDAjAAMB4XDTI2MDEwMTAwMDAwMFoX
-----END CERTIFICATE-----
`

// Every wrong value gets a diagnostic at its argument that says what to write
// instead.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	role := obj{"role_arn": "arn:aws:iam::111122223333:role/a"}
	tls := func(o obj) obj { return obj{"controller": obj{"tls": o}} }
	for name, c := range map[string]struct {
		config obj
		path   string
		words  string
	}{
		"access key alone":       {obj{"access_key": "a"}, `AttributeName("access_key")`, "goes with `secret_key`"},
		"secret key alone":       {obj{"secret_key": "hunter2"}, `AttributeName("secret_key")`, "goes with `access_key`"},
		"token alone":            {obj{"token": "hunter2"}, `AttributeName("token")`, "session token of"},
		"account id":             {obj{"allowed_account_ids": list{"1234"}}, `AttributeName("allowed_account_ids").ElementKeyValue(tftypes.String<"1234">)`, "12 digits"},
		"both account lists":     {obj{"allowed_account_ids": list{"111122223333"}, "forbidden_account_ids": list{"000011112222"}}, `AttributeName("forbidden_account_ids")`, "exclude each other"},
		"unchecked account":      {obj{"allowed_account_ids": list{"111122223333"}, "skip_credentials_validation": true, "skip_requesting_account_id": true}, `AttributeName("allowed_account_ids")`, "cannot be checked"},
		"region":                 {obj{"region": "virginia"}, `AttributeName("region")`, `"us-east-1"`},
		"zone":                   {obj{"region": "eu-west-1b"}, `AttributeName("region")`, `The region is "eu-west-1"`},
		"sts region":             {obj{"sts_region": "x"}, `AttributeName("sts_region")`, "skip_region_validation"},
		"negative retries":       {obj{"max_retries": -1}, `AttributeName("max_retries")`, "at least 0"},
		"retry mode":             {obj{"retry_mode": "eager"}, `AttributeName("retry_mode")`, `"adaptive"`},
		"bucket":                 {obj{"token_bucket_rate_limiter_capacity": -5}, `AttributeName("token_bucket_rate_limiter_capacity")`, "at least 0"},
		"proxy":                  {obj{"https_proxy": "proxy:3128"}, `AttributeName("https_proxy")`, "scheme"},
		"metadata mode":          {obj{"ec2_metadata_service_endpoint_mode": "ipv4"}, `AttributeName("ec2_metadata_service_endpoint_mode")`, `"IPv4"`},
		"metadata endpoint":      {obj{"ec2_metadata_service_endpoint": "169.254.169.254"}, `AttributeName("ec2_metadata_service_endpoint")`, "URL"},
		"endpoint":               {obj{"endpoints": list{obj{"ec2": "localhost:4566"}}}, `AttributeName("endpoints").ElementKeyInt(0).AttributeName("ec2")`, "scheme"},
		"endpoint twice":         {obj{"endpoints": list{obj{"ec2": "http://a"}, obj{"ec2": "http://b"}}}, `AttributeName("endpoints").ElementKeyInt(1).AttributeName("ec2")`, "two blocks"},
		"empty file name":        {obj{"shared_config_files": list{""}}, `AttributeName("shared_config_files").ElementKeyInt(0)`, "at least 1"},
		"role arn":               {obj{"assume_role": list{obj{"role_arn": "operator"}}}, `AttributeName("assume_role").ElementKeyInt(0).AttributeName("role_arn")`, "arn:aws:iam"},
		"role duration":          {obj{"assume_role": list{obj{"role_arn": role["role_arn"], "duration": "10m"}}}, `AttributeName("assume_role").ElementKeyInt(0).AttributeName("duration")`, `"15m" and "12h"`},
		"role duration unit":     {obj{"assume_role": list{obj{"role_arn": role["role_arn"], "duration": "3600"}}}, `AttributeName("assume_role").ElementKeyInt(0).AttributeName("duration")`, `"3600s"`},
		"role policy":            {obj{"assume_role": list{obj{"role_arn": role["role_arn"], "policy": "allow"}}}, `AttributeName("assume_role").ElementKeyInt(0).AttributeName("policy")`, "JSON"},
		"role session":           {obj{"assume_role": list{obj{"role_arn": role["role_arn"], "session_name": "two words"}}}, `AttributeName("assume_role").ElementKeyInt(0).AttributeName("session_name")`, "2 to 64"},
		"chain without role":     {obj{"assume_role": list{role, obj{}}}, `AttributeName("assume_role").ElementKeyInt(1).AttributeName("role_arn")`, "Number 2 of the chain of 2"},
		"web identity role":      {obj{"assume_role_with_web_identity": list{obj{"web_identity_token": "hunter2"}}}, `AttributeName("assume_role_with_web_identity").ElementKeyInt(0).AttributeName("role_arn")`, "`role_arn`"},
		"web identity both":      {obj{"assume_role_with_web_identity": list{obj{"role_arn": role["role_arn"], "web_identity_token": "hunter2", "web_identity_token_file": "f"}}}, `AttributeName("assume_role_with_web_identity").ElementKeyInt(0).AttributeName("web_identity_token")`, "exclude each other"},
		"web identity with keys": {obj{"access_key": "a", "secret_key": "hunter2", "assume_role_with_web_identity": list{obj{"role_arn": role["role_arn"], "web_identity_token": "tokn"}}}, `AttributeName("assume_role_with_web_identity").ElementKeyInt(0)`, "Remove the keys"},
		"web identity twice":     {obj{"assume_role_with_web_identity": list{obj{"role_arn": role["role_arn"]}, obj{"role_arn": role["role_arn"]}}}, `AttributeName("assume_role_with_web_identity")`, "at most 1"},
		"default tag":            {obj{"default_tags": list{obj{"tags": obj{"aws:x": "y"}}}}, `AttributeName("default_tags").ElementKeyInt(0).AttributeName("tags").ElementKeyString("aws:x")`, "keeps for itself"},
		"default marker tag":     {obj{"default_tags": list{obj{"tags": obj{"cml:x": "y"}}}}, `AttributeName("default_tags").ElementKeyInt(0).AttributeName("tags").ElementKeyString("cml:x")`, "provider's own"},
		"tag prefix":             {obj{"managed_tags": obj{"prefix": "AWS:"}}, `AttributeName("managed_tags").AttributeName("prefix")`, `"cml:"`},
		"empty tag prefix":       {obj{"managed_tags": obj{"prefix": ""}}, `AttributeName("managed_tags").AttributeName("prefix")`, "between 1 and 64"},
		"tag prefix characters":  {obj{"managed_tags": obj{"prefix": "cml*"}}, `AttributeName("managed_tags").AttributeName("prefix")`, `such as "cml:"`},
		"warning code":           {obj{"suppress_warnings": list{"everything"}}, `AttributeName("suppress_warnings").ElementKeyValue(tftypes.String<"everything">)`, `"hop_limit"`},
		"port":                   {obj{"controller": obj{"port": 70000}}, `AttributeName("controller").AttributeName("port")`, "between 1 and 65535"},
		"controller proxy":       {obj{"controller": obj{"proxy": "socks5://h:1"}}, `AttributeName("controller").AttributeName("proxy")`, `"socks5"`},
		"header":                 {obj{"controller": obj{"request_headers": obj{"Authorization": "Bearer hunter2"}}}, `AttributeName("controller").AttributeName("request_headers").ElementKeyString("Authorization")`, "by the provider itself"},
		"request timeout":        {obj{"controller": obj{"request_timeout": "-1s"}}, `AttributeName("controller").AttributeName("request_timeout")`, `"1s" and "10m"`},
		"token and password":     {obj{"controller": obj{"token": "hunter2", "password": "hunter2", "username": "admin"}}, `AttributeName("controller").AttributeName("token")`, "instead of"},
		"trust":                  {tls(obj{"trust": "yes"}), `AttributeName("controller").AttributeName("tls").AttributeName("trust")`, `"pin_first"`},
		"ca":                     {tls(obj{"cacert": "cml-ca.pem"}), `AttributeName("controller").AttributeName("tls").AttributeName("cacert")`, "file("},
		"broken ca":              {tls(obj{"cacert": certificate}), `AttributeName("controller").AttributeName("tls").AttributeName("cacert")`, "cannot be read"},
		"fingerprint":            {tls(obj{"fingerprint": "abc"}), `AttributeName("controller").AttributeName("tls").AttributeName("fingerprint")`, "64 hexadecimal"},
		"server name":            {tls(obj{"server_name": "https://x"}), `AttributeName("controller").AttributeName("tls").AttributeName("server_name")`, "without scheme"},
		"fingerprint insecure":   {tls(obj{"trust": "insecure", "fingerprint": strings.Repeat("ab", 32)}), `AttributeName("controller").AttributeName("tls").AttributeName("fingerprint")`, "no certificate is checked"},
		"server name insecure":   {tls(obj{"trust": "insecure", "server_name": "x"}), `AttributeName("controller").AttributeName("tls").AttributeName("server_name")`, "no certificate is checked"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen []string
			for _, d := range validate(t, c.config) {
				text := d.Summary + ": " + d.Detail
				if strings.Contains(text, "hunter2") {
					t.Errorf("a secret in %q", text)
				}
				if d.Severity == tfprotov6.DiagnosticSeverityError && d.Attribute.String() == c.path && strings.Contains(text, c.words) {
					return
				}
				seen = append(seen, d.Attribute.String()+" "+text)
			}
			t.Errorf("no error at %s with %q, but %q", c.path, c.words, seen)
		})
	}
}

// The whole block of the specification (e.1), and what modules write for "not
// set", are good.
func TestGoodValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]obj{
		"nothing": {},
		"everything": {
			"region": "us-east-1", "access_key": "AKIA", "secret_key": "s", "token": "t", "profile": "labs",
			"shared_credentials_files": list{"~/.aws/credentials"}, "shared_config_files": list{"~/.aws/config"},
			"allowed_account_ids": list{"111122223333"}, "max_retries": 25, "retry_mode": "adaptive", "token_bucket_rate_limiter_capacity": 500,
			"custom_ca_bundle": "corp-ca.pem", "insecure": false, "http_proxy": "", "https_proxy": "http://proxy.example.net:3128", "no_proxy": "localhost",
			"use_fips_endpoint": false, "use_dualstack_endpoint": true, "sts_region": "us-east-1",
			"ec2_metadata_service_endpoint": "http://[fd00:ec2::254]", "ec2_metadata_service_endpoint_mode": "IPv6",
			"skip_metadata_api_check": true, "skip_credentials_validation": true, "skip_requesting_account_id": false, "skip_region_validation": false,
			"assume_role": list{
				obj{"role_arn": "arn:aws:iam::111122223333:role/hop"},
				obj{"role_arn": "arn:aws:iam::111122223333:role/cml-operator", "external_id": "lab-team", "session_name": "terraform-cml", "duration": "1h",
					"policy": `{"Version":"2012-10-17"}`, "policy_arns": list{"arn:aws:iam::aws:policy/ReadOnlyAccess"}, "source_identity": "me",
					"tags": obj{"Team": "net"}, "transitive_tag_keys": list{"Team"}},
			},
			"endpoints":    list{obj{"ec2": "http://localhost:4566", "sts": "http://localhost:4566"}, obj{"cloudwatch": "http://localhost:4566", "ec2": ""}},
			"default_tags": list{obj{"tags": obj{"CostCentre": "NET-42"}}},
			"ignore_tags":  list{obj{"key_prefixes": list{"aws-backup:"}, "keys": list{"Owner"}}},
			"controller": obj{
				"username": "admin", "password": "p", "port": 443, "proxy": "http://u:p@proxy:3128", "request_headers": obj{"X-Gateway": "1"}, "request_timeout": "15s",
				"tls": obj{"trust": "pin_first", "fingerprint": strings.Repeat("AB:", 31) + "AB", "server_name": "cml.example.net"},
			},
			"managed_tags": obj{"enabled": true, "prefix": "cml:"}, "refresh_probe": true, "refresh_prices": true, "suppress_warnings": list{"hop_limit"},
		},
		"empty strings":         {"region": "", "profile": "", "https_proxy": "", "assume_role": list{obj{"role_arn": ""}}, "endpoints": list{obj{"ec2": ""}}},
		"another kind of AWS":   {"region": "RegionOne", "skip_region_validation": true},
		"other prefix":          {"managed_tags": obj{"prefix": "lab/"}, "default_tags": list{obj{"tags": obj{"cml:x": "y"}}}},
		"web identity":          {"assume_role_with_web_identity": list{obj{"role_arn": "arn:aws:iam::111122223333:role/ci", "web_identity_token_file": "/token"}}},
		"unknown keys":          {"access_key": unknown{}, "secret_key": "x"},
		"unknown lists":         {"allowed_account_ids": unknown{}, "forbidden_account_ids": list{"111122223333"}, "assume_role": unknown{}, "endpoints": unknown{}},
		"unknown objects":       {"controller": unknown{}, "managed_tags": unknown{}, "default_tags": list{obj{"tags": obj{"cml:x": "y"}}}},
		"unknown region switch": {"region": "RegionOne", "skip_region_validation": unknown{}},
		"unknown members": {
			"controller":  obj{"token": unknown{}, "password": "p", "username": "u", "tls": obj{"trust": "insecure", "cacert": unknown{}}},
			"assume_role": list{obj{"role_arn": unknown{}, "duration": unknown{}, "tags": unknown{}}, obj{"role_arn": unknown{}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := validate(t, c); len(got) != 0 {
				t.Errorf("%s: %s at %s", got[0].Summary, got[0].Detail, got[0].Attribute)
			}
		})
	}
}
