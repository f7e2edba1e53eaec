package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// ValidateConfig implements provider.ProviderWithValidateConfig: what single
// arguments do not show.
func (p *cmlProvider) ValidateConfig(ctx context.Context, req provider.ValidateConfigRequest, resp *provider.ValidateConfigResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	validateKeys(config, &resp.Diagnostics)
	validateAccounts(config, &resp.Diagnostics)
	validateRegions(config, &resp.Diagnostics)
	validateRoles(ctx, config, &resp.Diagnostics)
	validateEndpoints(config, &resp.Diagnostics)
	validateTags(ctx, config, &resp.Diagnostics)
	validateController(ctx, config, &resp.Diagnostics)
	validateDefaults(ctx, config, &resp.Diagnostics)
}

// given reports whether a value is there for certain.
func given(v attr.Value) bool { return !v.IsNull() && !v.IsUnknown() }

func validateKeys(m model, diags *diag.Diagnostics) {
	switch {
	case given(m.AccessKey) && m.SecretKey.IsNull():
		diags.AddAttributeError(path.Root("access_key"), "Secret key missing", "`access_key` goes with `secret_key`. Set both or neither.")
	case given(m.SecretKey) && m.AccessKey.IsNull():
		diags.AddAttributeError(path.Root("secret_key"), "Access key missing", "`secret_key` goes with `access_key`. Set both or neither.")
	case given(m.Token) && m.AccessKey.IsNull():
		diags.AddAttributeError(path.Root("token"), "Access key missing",
			"`token` is the session token of `access_key` and `secret_key`. Set all three, or AWS_SESSION_TOKEN in the environment.")
	}
}

func validateAccounts(m model, diags *diag.Diagnostics) {
	if given(m.AllowedAccountIDs) && given(m.ForbiddenAccountIDs) {
		diags.AddAttributeError(path.Root("forbidden_account_ids"), "Conflicting arguments",
			"`allowed_account_ids` and `forbidden_account_ids` exclude each other. Keep one: with allowed accounts every other one is forbidden.")
	}
	if !m.SkipCredentialsValidation.ValueBool() || !m.SkipRequestingAccountID.ValueBool() {
		return
	}
	for name, v := range map[string]types.Set{"allowed_account_ids": m.AllowedAccountIDs, "forbidden_account_ids": m.ForbiddenAccountIDs} {
		if given(v) && len(v.Elements()) > 0 {
			diags.AddAttributeError(path.Root(name), "Conflicting arguments",
				fmt.Sprintf("`%s` cannot be checked while `skip_credentials_validation` and `skip_requesting_account_id` keep the provider from asking which account it is. "+
					"Remove one of the two.", name))
		}
	}
}

func validateRegions(m model, diags *diag.Diagnostics) {
	if m.SkipRegionValidation.IsUnknown() || m.SkipRegionValidation.ValueBool() {
		return
	}
	check := func(name string, v types.String) {
		if !given(v) || v.ValueString() == "" {
			return
		}
		if problem := validators.RegionProblem(v.ValueString()); problem != "" {
			diags.AddAttributeError(path.Root(name), "Invalid AWS region",
				fmt.Sprintf("%q %s For a server that only resembles AWS, `skip_region_validation = true` lets other names pass.", v.ValueString(), problem))
		}
	}
	check("region", m.Region)
	check("sts_region", m.STSRegion)
}

func validateRoles(ctx context.Context, m model, diags *diag.Diagnostics) {
	chain := blocks[assumeRoleModel](ctx, m.AssumeRole, diags)
	for i, role := range chain {
		if len(chain) > 1 && !role.RoleARN.IsUnknown() && role.RoleARN.ValueString() == "" {
			diags.AddAttributeError(path.Root("assume_role").AtListIndex(i).AtName("role_arn"), "Role missing",
				fmt.Sprintf("Number %d of the chain of %d roles has no `role_arn`. Set it, or remove the block.", i+1, len(chain)))
		}
	}
	for i, w := range blocks[webIdentityModel](ctx, m.AssumeRoleWithWebIdentity, diags) {
		at := path.Root("assume_role_with_web_identity").AtListIndex(i)
		if !w.RoleARN.IsUnknown() && w.RoleARN.ValueString() == "" {
			diags.AddAttributeError(at.AtName("role_arn"), "Role missing", "Set `role_arn`, or remove the block.")
		}
		if given(w.Token) && given(w.TokenFile) {
			diags.AddAttributeError(at.AtName("web_identity_token"), "Conflicting arguments",
				"`web_identity_token` and `web_identity_token_file` exclude each other. Keep one.")
		}
		if given(m.AccessKey) {
			diags.AddAttributeError(at, "Conflicting arguments",
				"With `access_key` no web identity is used. Remove the keys, or use `assume_role` with them.")
		}
	}
}

// endpointBlocks returns the known URLs of each block.
func endpointBlocks(m model) []map[awsconf.Service]string {
	var out []map[awsconf.Service]string
	for _, e := range m.Endpoints.Elements() {
		block, ok := e.(types.Object)
		if !ok {
			continue
		}
		urls := map[awsconf.Service]string{}
		for name, v := range block.Attributes() {
			if s, ok := v.(types.String); ok && given(s) {
				urls[awsconf.Service(name)] = s.ValueString()
			}
		}
		out = append(out, urls)
	}
	return out
}

func validateEndpoints(m model, diags *diag.Diagnostics) {
	seen := map[awsconf.Service]bool{}
	for i, block := range endpointBlocks(m) {
		for _, service := range awsconf.Services() {
			if block[service] == "" {
				continue
			}
			if seen[service] {
				diags.AddAttributeError(path.Root("endpoints").AtListIndex(i).AtName(string(service)), "Conflicting arguments",
					fmt.Sprintf("The endpoint of %s is in two blocks. Keep one.", service))
			}
			seen[service] = true
		}
	}
}

func validateTags(ctx context.Context, m model, diags *diag.Diagnostics) {
	managed := object[managedTagsModel](ctx, m.ManagedTags, diags)
	if m.ManagedTags.IsUnknown() || managed.Prefix.IsUnknown() {
		return
	}
	prefix := managed.Prefix.ValueString()
	if prefix == "" {
		prefix = instance.DefaultTagPrefix
	}
	if strings.HasPrefix(strings.ToLower(prefix), "aws:") {
		diags.AddAttributeError(path.Root("managed_tags").AtName("prefix"), "Invalid tag prefix",
			fmt.Sprintf("%q begins with \"aws:\", which AWS keeps for itself. Write another prefix, such as %q.", prefix, instance.DefaultTagPrefix))
	}
	for i, block := range blocks[defaultTagsModel](ctx, m.DefaultTags, diags) {
		for key := range block.Tags.Elements() {
			if strings.HasPrefix(key, prefix) {
				diags.AddAttributeError(path.Root("default_tags").AtListIndex(i).AtName("tags").AtMapKey(key), "Conflicting arguments",
					fmt.Sprintf("Tags whose keys begin with %q are the provider's own. Choose another key, or another `managed_tags.prefix`.", prefix))
			}
		}
	}
}

func validateController(ctx context.Context, m model, diags *diag.Diagnostics) {
	cml := object[controllerModel](ctx, m.Controller, diags)
	at := path.Root("controller")
	if given(cml.Token) && (given(cml.Username) || given(cml.Password)) {
		diags.AddAttributeError(at.AtName("token"), "Conflicting arguments",
			"`token` stands instead of `username` and `password`. Keep the token, or the two.")
	}
	tls := object[tlsModel](ctx, cml.TLS, diags)
	if tls.Trust.ValueString() != controller.TrustInsecure {
		return
	}
	for name, v := range map[string]types.String{"cacert": tls.CACert, "fingerprint": tls.Fingerprint, "server_name": tls.ServerName} {
		if given(v) {
			diags.AddAttributeError(at.AtName("tls").AtName(name), "Conflicting arguments",
				fmt.Sprintf("With `trust = \"insecure\"` no certificate is checked, so that `%s` has no effect. Remove one of the two.", name))
		}
	}
}
