package function

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/function"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

// versionFromName is provider::cml::version_from_name.
type versionFromName struct{}

// NewVersionFromName returns the function version_from_name.
func NewVersionFromName() function.Function { return versionFromName{} }

// Metadata implements function.Function.
func (versionFromName) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "version_from_name"
}

// Definition implements function.Function.
func (versionFromName) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "CML version in the name of an image",
		MarkdownDescription: "Returns the CML version in the name of an image or a package: `\"2.7.0\"` for `\"CML-2.7.0-Ubuntu-22.04\"`. " +
			"Only what follows the name of the product counts, so that the version of the operating system is not taken for CML's. " +
			"A name that tells no version is an error; `try(provider::cml::version_from_name(name), null)` makes it null.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "name", MarkdownDescription: "Name of the image, such as `ami_name` of a worker or `name` of `data.cml_ami`."},
		},
		Return: function.StringReturn{},
	}
}

// Run implements function.Function.
func (versionFromName) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var name string
	if resp.Error = req.Arguments.Get(ctx, &name); resp.Error != nil {
		return
	}
	version := controller.VersionFromName(name)
	if version == "" {
		resp.Error = argumentError(first, fmt.Sprintf("There is no CML version in the name %q. Wanted is a name such as \"CML-2.9.0-Ubuntu-24.04\": the product, then its version.", name))
		return
	}
	resp.Error = resp.Result.Set(ctx, version)
}

// versionAtLeast is provider::cml::version_at_least.
type versionAtLeast struct{}

// NewVersionAtLeast returns the function version_at_least.
func NewVersionAtLeast() function.Function { return versionAtLeast{} }

// Metadata implements function.Function.
func (versionAtLeast) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "version_at_least"
}

// Definition implements function.Function.
func (versionAtLeast) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Whether a CML version is some release or newer",
		MarkdownDescription: "Returns whether `version` is `minimum` or newer, compared number by number: `\"2.10.0\"` is newer than `\"2.9.1\"`. " +
			"The last number may be left out and counts as 0; what follows the numbers, such as `+build.7`, is not compared.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "version", MarkdownDescription: "Version to judge, such as `cml_version` of a worker: `\"2.9.1+build.7\"`."},
			function.StringParameter{Name: "minimum", MarkdownDescription: "Oldest release that is new enough: `\"2.9\"` or `\"2.9.0\"`."},
		},
		Return: function.BoolReturn{},
	}
}

// Run implements function.Function.
func (versionAtLeast) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var texts [2]string
	if resp.Error = req.Arguments.Get(ctx, &texts[0], &texts[1]); resp.Error != nil {
		return
	}
	var versions [2]controller.Version
	for i, text := range texts {
		v, err := controller.ParseVersion(text)
		if err != nil {
			resp.Error = function.ConcatFuncErrors(resp.Error, argumentError(int64(i), fmt.Sprintf("%q is not a CML version. Write numbers and dots, as in \"2.9\" or \"2.9.0\".", text)))
			continue
		}
		versions[i] = v
	}
	if resp.Error == nil {
		resp.Error = resp.Result.Set(ctx, versions[0].AtLeast(versions[1]))
	}
}
