package function

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/function"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/validators"
)

// parseWorkerID is provider::cml::parse_worker_id.
type parseWorkerID struct{}

// NewParseWorkerID returns the function parse_worker_id.
func NewParseWorkerID() function.Function { return parseWorkerID{} }

// Metadata implements function.Function.
func (parseWorkerID) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "parse_worker_id"
}

// Definition implements function.Function.
func (parseWorkerID) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary: "Instance id and region of a worker's import id",
		MarkdownDescription: "Takes apart how a worker is named in an import: `\"i-0123456789abcdef0@us-west-2\"` gives `{ id = \"i-0123456789abcdef0\", region = \"us-west-2\" }`. " +
			"The form `\"us-west-2:i-0123456789abcdef0\"` is understood as well. Without a region, `region` is null: the provider's is meant.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "worker_id", MarkdownDescription: "Instance id, with or without a region."},
		},
		Return: function.ObjectReturn{AttributeTypes: map[string]attr.Type{"id": types.StringType, "region": types.StringType}},
	}
}

// Run implements function.Function.
func (parseWorkerID) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var text string
	if resp.Error = req.Arguments.Get(ctx, &text); resp.Error != nil {
		return
	}
	id, region, problem := validators.ParseWorkerID(text)
	if problem != "" {
		resp.Error = argumentError(first, problem)
		return
	}
	out := struct {
		ID     string  `tfsdk:"id"`
		Region *string `tfsdk:"region"`
	}{ID: id}
	if region != "" {
		out.Region = &region
	}
	resp.Error = resp.Result.Set(ctx, out)
}

// workerURL is provider::cml::worker_url.
type workerURL struct{}

// NewWorkerURL returns the function worker_url.
func NewWorkerURL() function.Function { return workerURL{} }

// Metadata implements function.Function.
func (workerURL) Metadata(_ context.Context, _ function.MetadataRequest, resp *function.MetadataResponse) {
	resp.Name = "worker_url"
}

// Definition implements function.Function.
func (workerURL) Definition(_ context.Context, _ function.DefinitionRequest, resp *function.DefinitionResponse) {
	resp.Definition = function.Definition{
		Summary:             "URL of a CML server",
		MarkdownDescription: "Returns the URL of CML at an address, as `url` of a worker has it: https, an IPv6 address in brackets, the port only when it is not 443.",
		Parameters: []function.Parameter{
			function.StringParameter{Name: "address", MarkdownDescription: "IPv4 or IPv6 address, or a host name; without scheme, port and path."},
			function.Int64Parameter{Name: "port", MarkdownDescription: "Port of CML's user interface and API, usually 443."},
		},
		Return: function.StringReturn{},
	}
}

// Run implements function.Function.
func (workerURL) Run(ctx context.Context, req function.RunRequest, resp *function.RunResponse) {
	var address string
	var port int64
	if resp.Error = req.Arguments.Get(ctx, &address, &port); resp.Error != nil {
		return
	}
	host := address
	if strings.HasPrefix(address, "[") && strings.HasSuffix(address, "]") && strings.Contains(address, ":") {
		host = address[1 : len(address)-1] // IPv6 in brackets already
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
		host = ip.String()
	} else if host != address || !isHostname(host) {
		resp.Error = argumentError(first, fmt.Sprintf("%q is neither an address nor a host name. Write it alone, without scheme, port and path, as in \"203.0.113.9\" or \"lab-01.example.net\".", address))
	}
	if port < 1 || port > 65535 {
		resp.Error = function.ConcatFuncErrors(resp.Error, argumentError(second, fmt.Sprintf("%d is not a port. Write a number between 1 and 65535; CML listens on 443.", port)))
	}
	if resp.Error == nil {
		resp.Error = resp.Result.Set(ctx, controller.Settings{Port: int(port)}.URL(host))
	}
}

// hostLabel is one part of a host name (RFC 1123); a final dot is left out before.
var hostLabel = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$`)

// isHostname tells host names; what consists of digits and dots only is an
// address with a mistake.
func isHostname(s string) bool {
	if s == "" || len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if !hostLabel.MatchString(label) {
			return false
		}
	}
	return true
}
