package provider

import (
	"context"
	"maps"
	"os"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/provider"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// Configure implements provider.Provider. It makes no request and looks no
// credentials up, and an unknown value is no error.
func (p *cmlProvider) Configure(ctx context.Context, req provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	var config model
	resp.Diagnostics.Append(req.Config.Get(ctx, &config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	options := p.expand(ctx, config, &resp.Diagnostics)
	options.UnknownArguments = unknownArguments(req.Config.Raw)
	if resp.Diagnostics.HasError() {
		return
	}
	set := clients.New(options)
	if len(options.UnknownArguments) > 0 && req.ClientCapabilities.DeferralAllowed {
		resp.Deferred = &provider.Deferred{Reason: provider.DeferredReasonProviderConfigUnknown}
	}
	if len(config.AssumeRole.Elements()) == 1 && len(options.AWS.AssumeRole) == 0 && len(options.UnknownArguments) == 0 {
		tfdiag.Warn(&resp.Diagnostics, set, tfdiag.EmptyAssumeRole,
			"The block has no `role_arn`, so that the provider's own credentials are used.", path.Root("assume_role").AtListIndex(0))
	}
	if options.Controller.TLS.Trust == controller.TrustInsecure {
		tfdiag.Warn(&resp.Diagnostics, set, tfdiag.InsecureTLS,
			"Passwords and tokens go to whoever answers. Prefer `cacert` or `fingerprint`, or `pin_first`.",
			path.Root("controller").AtName("tls").AtName("trust"))
	}
	resp.ResourceData = set
	resp.DataSourceData = set
	resp.EphemeralResourceData = set
	resp.ActionData = set
	resp.ListResourceData = set
}

// expand turns the block and the environment into plain Go.
func (p *cmlProvider) expand(ctx context.Context, m model, diags *diag.Diagnostics) clients.Options {
	env := environment{ctx: ctx, diags: diags}
	cml := object[controllerModel](ctx, m.Controller, diags)
	managed := object[managedTagsModel](ctx, m.ManagedTags, diags)

	options := clients.Options{
		AWS: p.expandAWS(ctx, m, diags),
		Transport: controller.Transport{
			ProxyURL:       env.text(cml.Proxy, envProxy, validators.HTTPURL()),
			Headers:        entries(cml.RequestHeaders),
			RequestTimeout: env.requestTimeout(cml.RequestTimeout),
			Dial:           p.deps.Dial,
		},
		ManagedTags:        instance.ManagedTags{Enabled: managed.Enabled.IsNull() || managed.Enabled.ValueBool(), Prefix: managed.Prefix.ValueString()},
		DefaultTags:        defaultTagsFromEnvironment(),
		RefreshProbe:       m.RefreshProbe.IsNull() || m.RefreshProbe.ValueBool(),
		RefreshPrices:      m.RefreshPrices.IsNull() || m.RefreshPrices.ValueBool(),
		SuppressedWarnings: elements(m.SuppressWarnings),
		WorkerDefaults:     expandDefaults(m.WorkerDefaults),
		RegionDefaults:     expandRegionDefaults(m.RegionDefaults),
		Guardrails:         expandGuardrails(ctx, m.Guardrails, diags),
		Interval:           p.deps.Interval,
	}
	if options.ManagedTags.Prefix == "" {
		options.ManagedTags.Prefix = instance.DefaultTagPrefix
	}
	// An object that is unknown as a whole leaves nothing to the environment.
	if !m.Controller.IsUnknown() {
		options.Controller = controller.Settings{Port: env.port(cml.Port)}
		if !cml.TLS.IsUnknown() {
			options.Controller.TLS = env.tls(object[tlsModel](ctx, cml.TLS, diags))
		}
		options.Credentials = env.credentials(cml)
		if options.Credentials.Password != "" && options.Credentials.Username == "" && !cml.Username.IsUnknown() {
			diags.AddAttributeError(path.Root("controller").AtName("username"), "User name of CML missing",
				"There is a password and no user name. Set `controller.username`, or CML_USERNAME in the environment.")
		}
	}
	for _, block := range blocks[defaultTagsModel](ctx, m.DefaultTags, diags) {
		maps.Copy(options.DefaultTags, entries(block.Tags))
	}
	for _, block := range blocks[ignoreTagsModel](ctx, m.IgnoreTags, diags) {
		options.IgnoredKeys = append(options.IgnoredKeys, elements(block.Keys)...)
		options.IgnoredPrefixes = append(options.IgnoredPrefixes, elements(block.KeyPrefixes)...)
	}
	options.IgnoredKeys = append(options.IgnoredKeys, listFromEnvironment(envIgnoreTagKeys)...)
	options.IgnoredPrefixes = append(options.IgnoredPrefixes, listFromEnvironment(envIgnoreTagPrefixes)...)
	return options
}

func (p *cmlProvider) expandAWS(ctx context.Context, m model, diags *diag.Diagnostics) awsconf.Options {
	o := awsconf.Options{
		AccessKey:                      m.AccessKey.ValueString(),
		SecretKey:                      m.SecretKey.ValueString(),
		Token:                          m.Token.ValueString(),
		Profile:                        m.Profile.ValueString(),
		SharedConfigFiles:              elements(m.SharedConfigFiles),
		SharedCredentialsFiles:         elements(m.SharedCredentialsFiles),
		Region:                         m.Region.ValueString(),
		AllowedAccountIDs:              elements(m.AllowedAccountIDs),
		ForbiddenAccountIDs:            elements(m.ForbiddenAccountIDs),
		CustomCABundle:                 m.CustomCABundle.ValueString(),
		Insecure:                       m.Insecure.ValueBool(),
		HTTPProxy:                      optional(m.HTTPProxy),
		HTTPSProxy:                     optional(m.HTTPSProxy),
		NoProxy:                        m.NoProxy.ValueString(),
		Endpoints:                      p.expandEndpoints(m, diags),
		RetryMode:                      m.RetryMode.ValueString(),
		TokenBucketRateLimiterCapacity: int(m.TokenBucketRateLimiterCapacity.ValueInt64()),
		UseFIPSEndpoint:                m.UseFIPSEndpoint.ValueBool(),
		UseDualStackEndpoint:           m.UseDualStackEndpoint.ValueBool(),
		STSRegion:                      m.STSRegion.ValueString(),
		EC2MetadataServiceEndpoint:     m.EC2MetadataServiceEndpoint.ValueString(),
		EC2MetadataServiceEndpointMode: m.EC2MetadataServiceEndpointMode.ValueString(),
		SkipCredentialsValidation:      m.SkipCredentialsValidation.ValueBool(),
		SkipRegionValidation:           m.SkipRegionValidation.ValueBool(),
		SkipRequestingAccountID:        m.SkipRequestingAccountID.ValueBool(),
		Version:                        p.deps.Version,
	}
	if v := m.MaxRetries; !v.IsNull() && !v.IsUnknown() {
		n := int(v.ValueInt64())
		o.MaxRetries = &n
	}
	if v := m.SkipMetadataAPICheck; !v.IsNull() && !v.IsUnknown() {
		o.SkipMetadataAPICheck = v.ValueBoolPointer()
	}
	for _, b := range blocks[assumeRoleModel](ctx, m.AssumeRole, diags) {
		if b.RoleARN.ValueString() == "" {
			continue // a single empty block, or unknown: validation saw to the rest
		}
		o.AssumeRole = append(o.AssumeRole, awsconf.AssumeRole{
			RoleARN:           b.RoleARN.ValueString(),
			Duration:          duration(b.Duration),
			ExternalID:        b.ExternalID.ValueString(),
			Policy:            b.Policy.ValueString(),
			PolicyARNs:        elements(b.PolicyARNs),
			SessionName:       b.SessionName.ValueString(),
			SourceIdentity:    b.SourceIdentity.ValueString(),
			Tags:              entries(b.Tags),
			TransitiveTagKeys: elements(b.TransitiveTagKeys),
		})
	}
	for _, b := range blocks[webIdentityModel](ctx, m.AssumeRoleWithWebIdentity, diags) {
		o.AssumeRoleWithWebIdentity = expandWebIdentity(b, diags)
	}
	return o
}

func expandWebIdentity(b webIdentityModel, diags *diag.Diagnostics) *awsconf.WebIdentity {
	w := &awsconf.WebIdentity{
		RoleARN:     b.RoleARN.ValueString(),
		Duration:    duration(b.Duration),
		Policy:      b.Policy.ValueString(),
		PolicyARNs:  elements(b.PolicyARNs),
		SessionName: b.SessionName.ValueString(),
		Token:       b.Token.ValueString(),
		TokenFile:   b.TokenFile.ValueString(),
	}
	if w.Token == "" && w.TokenFile == "" {
		w.Token = os.Getenv(envWebIdentityToken)
	}
	if w.Token == "" && w.TokenFile == "" {
		w.TokenFile = os.Getenv(envWebIdentityFile)
	}
	unknown := b.Token.IsUnknown() || b.TokenFile.IsUnknown()
	if w.Token == "" && w.TokenFile == "" && !unknown {
		diags.AddAttributeError(path.Root("assume_role_with_web_identity").AtListIndex(0), "Web identity token missing",
			"Set `web_identity_token` or `web_identity_token_file`, or "+envWebIdentityToken+" or "+envWebIdentityFile+" in the environment.")
	}
	return w
}

// expandEndpoints merges the blocks; validation refused a service that is in
// two.
func (p *cmlProvider) expandEndpoints(m model, _ *diag.Diagnostics) map[awsconf.Service]string {
	out := map[awsconf.Service]string{}
	for _, block := range endpointBlocks(m) {
		for service, url := range block {
			if slices.Contains(awsconf.Services(), service) && url != "" {
				out[service] = url
			}
		}
	}
	return out
}
