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
		MarkdownDescription: "Renders the user data (a cloud-config document) with which a CML image sets itself up at its first boot: host name, CML's administrator, the account of the operating system, metrics for CloudWatch, further files and commands.\n\n" +
			"What is ephemeral in the argument stays ephemeral in the result, and what is sensitive stays sensitive: given to `user_data_wo` of `cml_worker`, a password from an ephemeral variable reaches the machine, but neither plan nor state. " +
			"On the machine, user data can be read by whoever may ask the instance metadata service; change the passwords later where that matters.\n\n" +
			"The accounts go to `/etc/virl2-base-config.yml`, which CML reads when it is set up, once: on an image that has been set up before they change nothing. " +
			"The document asks for no reboot. If a command of yours does, let the worker's `readiness.stable_for` outlast it.\n\n" +
			"`publisher` installs a script (Python, which Ubuntu has) and a systemd timer that send what CML tells of itself to CloudWatch: in the namespace `CML/Worker`, with the single dimension `InstanceId`, " +
			"`IdleSeconds` (since somebody last used CML, since the start at most, and 0 while nodes run), `RunningNodes`, `LabsStarted` (of the labs that the account may see), `MemoryPercent` and `DiskPercent`. " +
			"What cannot be read is not sent, never a zero. It needs an instance profile with the policy of the feature `publisher` of `cml_iam_policy`, and an account of CML of its own, which need not be an administrator; " +
			"its calls do not count as use here, so name it in `exclude_users` of `cml_worker_idle` too, unless it is called `cml-publisher`. CloudWatch charges five metrics for each worker, and the requests: about $1.60 a month at list price for one that runs all the time. " +
			"`journalctl -u cml-publisher` tells what it did; variables such as `AWS_ENDPOINT_URL_CLOUDWATCH` and `CML_PUBLISHER_URL` (`https://127.0.0.1`) can be set in `/etc/default/cml-publisher`. " +
			"The script is part of the document, so a new version of this provider may render another document.",
		Parameters: []function.Parameter{
			function.DynamicParameter{
				Name: "config", AllowUnknownValues: true, // what is known is checked at plan
				MarkdownDescription: "An object; every member may be left out or null:\n\n" +
					"  - `hostname` (string): host name of the machine and of the CML controller, at most 64 characters. Left out: the name that EC2 gives, and CML's own `cml-controller`.\n" +
					"  - `admin` (object): `username` (up to 32 characters) and `password` (at least 8) of CML's administrator.\n" +
					"  - `system` (object): `username` and `password` (at least 8 characters) of the account for SSH on port 1122 and for Cockpit. Needs `admin`.\n" +
					"  - `publisher` (object): sends metrics to CloudWatch. `secretsmanager_secret_id` or `ssm_parameter_name`, one of them: where the account of CML is kept, by name or ARN, as a JSON object with `username` and `password` (or with `token`), or as a password alone. " +
					"`username`: whose password alone it is. `exclude_users` (list): names or ids of further accounts whose logins and API calls are no use of CML, such as the provider's. `interval`: from `\"1m\"` to `\"5m\"`, which is the default.\n" +
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
		resp.Error = argumentError(first, strings.Join(r.problems, "\n"))
	case r.unknown:
		resp.Error = resp.Result.Set(ctx, types.StringUnknown())
	default:
		resp.Error = resp.Result.Set(ctx, render(b))
	}
}
