package function

import (
	"context"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// cloudInit is provider::cml::cloud_init.
type cloudInit struct{}

// NewCloudInit returns the function cloud_init.
func NewCloudInit() function.Function { return cloudInit{} }

// Metadata implements function.Function.
func (cloudInit) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "cloud_init"
}

// Definition implements function.Function.
func (cloudInit) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "User data that set a CML image up",
		MarkdownDescription: "Renders the user data (a cloud-config document) with which a CML image sets itself up at its first boot: host name, CML's administrator, the account of the operating system, further files and commands.\n\n" +
			"What is ephemeral in the argument stays ephemeral in the result, and what is sensitive stays sensitive: given to `user_data_wo` of `cml_worker`, a password from an ephemeral variable reaches the machine, but neither plan nor state. " +
			"On the machine, user data can be read by whoever may ask the instance metadata service; change the passwords later where that matters.\n\n" +
			"The accounts go to `/etc/virl2-base-config.yml`, which CML reads when it is set up, once: on an image that has been set up before they change nothing. " +
			"The document asks for no reboot. If a command of yours does, let the worker's `readiness.stable_for` outlast it.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name: "config", AllowUnknownValues: true, // what is known is checked at plan
				MarkdownDescription: "An object; every member may be left out or null:\n\n" +
					"  - `hostname` (string): host name of the machine and of the CML controller, at most 64 characters. Left out: the name that EC2 gives, and CML's own `cml-controller`.\n" +
					"  - `admin` (object): `username` (up to 32 characters) and `password` (at least 8) of CML's administrator.\n" +
					"  - `system` (object): `username` and `password` (at least 8 characters) of the account for SSH on port 1122 and for Cockpit. Needs `admin`.\n" +
					"  - `files` (list of objects): files to write. Each has a `path`, its `content` or, for what is not text, `content_base64`, and may have `permissions` (an octal mode in quotes, default `\"0600\"`) and `owner` (default `\"root:root\"`).\n" +
					"  - `commands` (list): what to run as root at the end of the first boot, in order. A string is given to the shell; a list of strings is a program and its arguments, taken literally.",
			},
		},
		Return: function.StringReturn{},
	}
}

// Run implements function.Function.
func (cloudInit) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var config types.Dynamic
	if resp.Error = req.Arguments.Get(ctx, &config); resp.Error != nil {
		return
	}
	var r reader
	if absent(config) {
		r.problem("", "is null. Write an object, as in `{ hostname = \"lab-01\" }`.")
	}
	b := r.readBoot(config)
	switch {
	case len(r.problems) > 0:
		resp.Error = function.NewArgumentFuncError(first, strings.Join(r.problems, "\n"))
	case r.unknown:
		resp.Error = resp.Result.Set(ctx, types.StringUnknown())
	default:
		resp.Error = resp.Result.Set(ctx, render(b))
	}
}
