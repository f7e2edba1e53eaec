package provider_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	cml "github.com/cml-infra/terraform-provider-cml/internal/provider"
)

// The arguments of provider "aws" (hashicorp/aws 6.x, provider documentation)
// that are about authentication and transport: who copies a block finds all.
var fromProviderAWS = map[string][]string{
	"": {
		"access_key", "allowed_account_ids", "assume_role", "assume_role_with_web_identity", "custom_ca_bundle", "default_tags",
		"ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode", "endpoints", "forbidden_account_ids", "http_proxy", "https_proxy",
		"ignore_tags", "insecure", "max_retries", "no_proxy", "profile", "region", "retry_mode", "secret_key", "shared_config_files",
		"shared_credentials_files", "skip_credentials_validation", "skip_metadata_api_check", "skip_region_validation",
		"skip_requesting_account_id", "sts_region", "token", "token_bucket_rate_limiter_capacity", "use_dualstack_endpoint", "use_fips_endpoint",
	},
	"assume_role":                   {"duration", "external_id", "policy", "policy_arns", "role_arn", "session_name", "source_identity", "tags", "transitive_tag_keys"},
	"assume_role_with_web_identity": {"duration", "policy", "policy_arns", "role_arn", "session_name", "web_identity_token", "web_identity_token_file"},
	"default_tags":                  {"tags"},
	"ignore_tags":                   {"key_prefixes", "keys"},
}

func TestParityWithProviderAWS(t *testing.T) {
	t.Parallel()
	s := providerSchema(t)
	for block, names := range fromProviderAWS {
		for _, name := range names {
			_, attribute := s.Attributes[name]
			_, nested := s.Blocks[name]
			if block != "" {
				_, attribute = s.Blocks[block].GetNestedObject().GetAttributes()[name]
			}
			if !attribute && !nested {
				t.Errorf("%s.%s is missing", block, name)
			}
		}
	}
	for _, service := range awsconf.Services() {
		if _, ok := s.Blocks["endpoints"].GetNestedObject().GetAttributes()[string(service)]; !ok {
			t.Errorf("no endpoint of %s", service)
		}
	}
}

// Every argument is described, optional, and hidden when it holds a secret.
func TestEveryArgumentIsDescribed(t *testing.T) {
	t.Parallel()
	secrets := []string{"secret_key", "token", "web_identity_token", "controller.password", "controller.token", "controller.request_headers"}
	count := 0
	var walk func(prefix string, attributes map[string]schema.Attribute)
	walk = func(prefix string, attributes map[string]schema.Attribute) {
		for name, a := range attributes {
			count++
			full := prefix + name
			if text := a.GetMarkdownDescription(); len(text) < 10 || !strings.HasSuffix(text, ".") {
				t.Errorf("%s: description %q", full, text)
			}
			if !a.IsOptional() || a.IsRequired() {
				t.Errorf("%s is not optional", full)
			}
			if want := slices.Contains(secrets, strings.TrimPrefix(full, "assume_role_with_web_identity.")); a.IsSensitive() != want {
				t.Errorf("%s: sensitive %t", full, a.IsSensitive())
			}
			if nested, ok := a.(schema.SingleNestedAttribute); ok {
				walk(full+".", nested.Attributes)
			}
		}
	}
	s := providerSchema(t)
	walk("", s.Attributes)
	for name, b := range s.Blocks {
		if b.GetMarkdownDescription() == "" {
			t.Errorf("block %s is not described", name)
		}
		attributes := map[string]schema.Attribute{}
		for inner, a := range b.GetNestedObject().GetAttributes() {
			attributes[inner] = a.(schema.Attribute)
		}
		walk(name+".", attributes)
	}
	if count < 60 || s.MarkdownDescription == "" {
		t.Errorf("only %d arguments were looked at", count)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"1.2.3": "1.2.3", "": "dev"} {
		var resp provider.MetadataResponse
		cml.New(version)().Metadata(t.Context(), provider.MetadataRequest{}, &resp)
		if resp.TypeName != "cml" || resp.Version != want {
			t.Errorf("%+v", resp)
		}
	}
}

// Everything that is registered has a valid schema, or the server has errors.
func TestServerServesItsSchemas(t *testing.T) {
	t.Parallel()
	resp, err := server(t).GetProviderSchema(t.Context(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil || len(resp.Diagnostics) != 0 {
		t.Fatalf("%v %v", err, resp.Diagnostics)
	}
	for name := range resp.ResourceSchemas {
		if !strings.HasPrefix(name, cml.TypeName+"_worker") {
			t.Errorf("resource %s", name)
		}
	}
}
