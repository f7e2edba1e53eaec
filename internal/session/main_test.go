package session_test

import (
	"context"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/ephemeral"
	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
	"github.com/cml-infra/terraform-provider-cml/internal/session"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const home = "us-east-1"

func TestMain(m *testing.M) { acctest.Main(m) }

// lab is a world with one machine that runs and whose certificate is pinned by
// its tag.
type lab struct {
	*acctest.World
	t  *testing.T
	id string
	// options are those of the provider.
	options clients.Options
	limit   time.Duration
}

func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{World: acctest.NewWorld(t), t: t, limit: time.Minute}
	if err := l.Apply(t.Context(), simulator.World{Instances: []simulator.InstanceWorld{{Name: "lab"}}}); err != nil {
		t.Fatal(err)
	}
	l.id = l.AWS.Region(home).Instances()[0].ID
	l.eventually("ready", func() bool { m := l.CML.Machine(l.id); return m != nil && m.Phase() == cml.Ready })
	l.AWS.Region(home).SetTags(l.id, map[string]string{"Name": "lab", "cml:tls-sha256": l.CML.Machine(l.id).Fingerprint()})
	admin := l.CML.Admin()
	l.options = clients.Options{
		AWS: awsconf.Options{Region: home, AccessKey: "AKIALABS", SecretKey: "x", Version: "test", Endpoints: map[awsconf.Service]string{
			awsconf.EC2: l.Endpoint(), awsconf.STS: l.Endpoint(), awsconf.SecretsManager: l.Endpoint()}},
		Controller:  controller.Settings{Port: l.Port()},
		Credentials: controller.Credentials{Username: admin.Username, Password: admin.Password},
		ManagedTags: instance.ManagedTags{Enabled: true, Prefix: instance.DefaultTagPrefix},
		Interval:    acctest.Pace,
	}
	return l
}

func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			l.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (l *lab) stop() {
	l.t.Helper()
	l.AWS.Region(home).StopOutside(l.id)
	l.eventually("stopped", func() bool { in, _ := l.AWS.Region(home).Instance(l.id); return in.State == "stopped" })
}

func (l *lab) count(operation string) int { return l.Recorder.Count("cml", operation) }

const (
	login  = "POST /authenticate"
	logout = "DELETE /logout"
)

// only is a provider that offers the ephemeral resource and nothing else.
type only struct {
	set   *clients.Set
	limit time.Duration
}

func (only) Metadata(_ context.Context, _ provider.MetadataRequest, resp *provider.MetadataResponse) {
	resp.TypeName = "cml"
}
func (only) Schema(context.Context, provider.SchemaRequest, *provider.SchemaResponse) {}
func (o only) Configure(_ context.Context, _ provider.ConfigureRequest, resp *provider.ConfigureResponse) {
	resp.EphemeralResourceData = o.set
}
func (only) Resources(context.Context) []func() resource.Resource       { return nil }
func (only) DataSources(context.Context) []func() datasource.DataSource { return nil }
func (o only) EphemeralResources(context.Context) []func() ephemeral.EphemeralResource {
	return []func() ephemeral.EphemeralResource{func() ephemeral.EphemeralResource { return &session.Token{Limit: o.limit} }}
}

// server is the provider in process, spoken to as Terraform does.
type server struct {
	t *testing.T
	tfprotov6.ProviderServer
	typ tftypes.Object
	set *clients.Set
}

// serve configures a provider with the options of the lab as they are now.
func (l *lab) serve() *server {
	l.t.Helper()
	set := clients.New(l.options)
	made, err := providerserver.NewProtocol6WithError(only{set, l.limit})()
	if err != nil {
		l.t.Fatal(err)
	}
	schemas, err := made.GetProviderSchema(context.Background(), &tfprotov6.GetProviderSchemaRequest{})
	if err != nil {
		l.t.Fatal(err)
	}
	empty := tftypes.Object{AttributeTypes: map[string]tftypes.Type{}}
	config, err := tfprotov6.NewDynamicValue(empty, tftypes.NewValue(empty, map[string]tftypes.Value{}))
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := made.ConfigureProvider(context.Background(), &tfprotov6.ConfigureProviderRequest{Config: &config}); err != nil {
		l.t.Fatal(err)
	}
	typ, _ := schemas.EphemeralResourceSchemas["cml_worker_token"].ValueType().(tftypes.Object)
	return &server{t: l.t, ProviderServer: made, typ: typ, set: set}
}

// opened is the answer to an Open.
type opened struct {
	*tfprotov6.OpenEphemeralResourceResponse
	values map[string]tftypes.Value
}

// open opens the resource with these arguments of the type string or bool.
func (s *server) open(ctx context.Context, arguments map[string]any) opened {
	s.t.Helper()
	members := map[string]tftypes.Value{}
	for name, typ := range s.typ.AttributeTypes {
		members[name] = tftypes.NewValue(typ, arguments[name])
	}
	config, err := tfprotov6.NewDynamicValue(s.typ, tftypes.NewValue(s.typ, members))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.OpenEphemeralResource(ctx, &tfprotov6.OpenEphemeralResourceRequest{TypeName: "cml_worker_token", Config: &config})
	if err != nil {
		s.t.Fatal(err)
	}
	out := opened{OpenEphemeralResourceResponse: resp}
	if resp.Result != nil {
		result, err := resp.Result.Unmarshal(s.typ)
		if err != nil {
			s.t.Fatal(err)
		}
		if err := result.As(&out.values); err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}

// text is a string of the result, "(null)" without a value.
func (o opened) text(t *testing.T, name string) string {
	t.Helper()
	v, ok := o.values[name]
	if !ok {
		t.Fatalf("the result has no %s: %s", name, show(o.Diagnostics))
	}
	var out *string
	if err := v.As(&out); err != nil {
		t.Fatal(err)
	}
	if out == nil {
		return "(null)"
	}
	return *out
}

func (o opened) reachable(t *testing.T) bool {
	t.Helper()
	var out bool
	if err := o.values["reachable"].As(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *server) close(o opened) []*tfprotov6.Diagnostic {
	s.t.Helper()
	resp, err := s.CloseEphemeralResource(context.Background(), &tfprotov6.CloseEphemeralResourceRequest{TypeName: "cml_worker_token", Private: o.Private})
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.Diagnostics
}

func show(all []*tfprotov6.Diagnostic) string {
	var text string
	for _, d := range all {
		text += d.Severity.String() + ": " + d.Summary + "\n" + d.Detail + "\n"
	}
	return text
}

// logins are the requests that had a password in them.
func (l *lab) logins() []wire.Record {
	return l.Recorder.Filter(func(r wire.Record) bool { return r.Operation == login })
}
