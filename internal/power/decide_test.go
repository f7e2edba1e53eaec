package power

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

func triggers(value string) types.Map {
	return types.MapValueMust(types.StringType, map[string]attr.Value{"rotate": types.StringValue(value)})
}

// base is a resource that was applied with `running` and is in order.
func base() *model {
	return &model{
		WorkerID: types.StringValue("i-0123456789abcdef0"), State: types.StringValue("running"),
		InstanceState: types.StringValue("running"), Triggers: types.MapNull(types.StringType),
		WorkerRevision: types.StringNull(), OnExternalChange: types.StringNull(),
		Controller: types.ObjectNull(attribute.ControllerTypes),
	}
}

func TestDecide(t *testing.T) {
	configured := facts{Configured: "running"}
	for name, c := range map[string]struct {
		prior, plan func(*model)
		facts       facts
		want        move
	}{
		"nothing changes": {facts: configured, want: move{desired: "running"}},
		"observe calls nothing, whatever the worker does": {
			plan: func(m *model) { m.State = types.StringNull(); m.Triggers = triggers("b") },
			want: move{},
		},
		"running to stopped": {
			facts: configured, plan: func(m *model) { m.State = types.StringValue("stopped") },
			want: move{desired: "stopped", act: true, stops: true},
		},
		"running to stopped, but it is stopped already": {
			facts: configured,
			prior: func(m *model) { m.InstanceState = types.StringValue("stopped") },
			plan: func(m *model) {
				m.State, m.OnExternalChange = types.StringValue("stopped"), types.StringValue("accept")
			},
			want: move{desired: "stopped"},
		},
		"correct puts a stop outside back": {
			facts: configured,
			prior: func(m *model) { m.State, m.InstanceState = types.StringValue("stopped"), types.StringValue("stopped") },
			want:  move{desired: "running", act: true},
		},
		"accept leaves a stop outside": {
			facts: configured,
			prior: func(m *model) {
				m.InstanceState, m.OnExternalChange = types.StringValue("stopped"), types.StringValue("accept")
			},
			plan: func(m *model) { m.OnExternalChange = types.StringValue("accept") },
			want: move{desired: "running"},
		},
		"accept after correct accepts what happened before": {
			facts: configured,
			prior: func(m *model) { m.State, m.InstanceState = types.StringValue("stopped"), types.StringValue("stopped") },
			plan:  func(m *model) { m.OnExternalChange = types.StringValue("accept") },
			want:  move{desired: "running"},
		},
		"correct after accept acts": {
			facts: configured,
			prior: func(m *model) {
				m.InstanceState, m.OnExternalChange = types.StringValue("stopped"), types.StringValue("accept")
			},
			want: move{desired: "running", act: true},
		},
		"accept acts on a new configured state": {
			facts: facts{Configured: "stopped"},
			prior: func(m *model) {
				m.State, m.InstanceState, m.OnExternalChange = types.StringValue("stopped"), types.StringValue("stopped"), types.StringValue("accept")
			},
			plan: func(m *model) { m.OnExternalChange = types.StringValue("accept") },
			want: move{desired: "running", act: true},
		},
		"accept acts on triggers: a stopped worker is started": {
			facts: configured,
			prior: func(m *model) {
				m.InstanceState, m.OnExternalChange, m.Triggers = types.StringValue("stopped"), types.StringValue("accept"), triggers("a")
			},
			plan: func(m *model) { m.OnExternalChange, m.Triggers = types.StringValue("accept"), triggers("b") },
			want: move{desired: "running", act: true, restart: true},
		},
		"triggers restart what runs": {
			facts: configured,
			prior: func(m *model) { m.Triggers = triggers("a") },
			plan:  func(m *model) { m.Triggers = triggers("b") },
			want:  move{desired: "running", act: true, restart: true, stops: true},
		},
		"unknown triggers may restart": {
			facts: configured,
			prior: func(m *model) { m.Triggers = triggers("a") },
			plan:  func(m *model) { m.Triggers = types.MapUnknown(types.StringType) },
			want:  move{desired: "running", act: true, restart: true, stops: true},
		},
		"triggers of a stopped worker only enter the state": {
			facts: facts{Configured: "stopped"},
			prior: func(m *model) { m.State, m.InstanceState = types.StringValue("stopped"), types.StringValue("stopped") },
			plan:  func(m *model) { m.State, m.Triggers = types.StringValue("stopped"), triggers("b") },
			want:  move{desired: "stopped"},
		},
		"no triggers and empty triggers are the same": {
			facts: configured,
			plan:  func(m *model) { m.Triggers = types.MapValueMust(types.StringType, nil) },
			want:  move{desired: "running"},
		},
		"triggers that come with the import are recorded": {
			facts: facts{Imported: true},
			plan:  func(m *model) { m.Triggers = triggers("a") },
			want:  move{desired: "running"},
		},
		"a revision that comes with the import is recorded": {
			facts: facts{Imported: true},
			plan:  func(m *model) { m.WorkerRevision = types.StringValue("r1") },
			want:  move{desired: "running"},
		},
		"a new revision is read again and touches no power": {
			facts: configured,
			prior: func(m *model) { m.WorkerRevision = types.StringValue("r1") },
			plan:  func(m *model) { m.WorkerRevision = types.StringUnknown() },
			want:  move{desired: "running", reread: true},
		},
		"on its way counts as there": {
			facts: configured,
			prior: func(m *model) { m.InstanceState = types.StringValue("pending") },
			want:  move{desired: "running"},
		},
		"on its way down as well": {
			facts: facts{Configured: "stopped"},
			prior: func(m *model) { m.State, m.InstanceState = types.StringValue("stopped"), types.StringValue("stopping") },
			plan:  func(m *model) { m.State = types.StringValue("stopped") },
			want:  move{desired: "stopped"},
		},
		"a state that comes with the apply": {
			facts: configured, plan: func(m *model) { m.State = types.StringUnknown() },
			want: move{act: true, stops: true},
		},
		"another preference": {
			facts: configured,
			plan: func(m *model) {
				m.Controller = attribute.FlattenController(controller.Settings{AddressPreference: []string{"private_ip"}})
			},
			want: move{desired: "running", preference: true, endpoint: true},
		},
		"another host name": {
			facts: configured,
			plan: func(m *model) {
				m.Controller = attribute.FlattenController(controller.Settings{Hostname: "lab.example.net"})
			},
			want: move{desired: "running", endpoint: true},
		},
		"another pin is nobody's address": {
			facts: configured,
			plan: func(m *model) {
				m.Controller = attribute.FlattenController(controller.Settings{TLS: controller.TLS{Fingerprint: "00"}})
			},
			want: move{desired: "running"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			prior, plan := base(), base()
			if c.prior != nil {
				c.prior(prior)
			}
			if c.plan != nil {
				c.plan(plan)
			}
			if got := decide(plan, prior, c.facts); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestNamedURL(t *testing.T) {
	full := func(change func(map[string]attr.Value)) types.Object {
		o := attribute.FlattenController(controller.Settings{Hostname: "lab.example.net", Port: 8443})
		members := o.Attributes()
		if change != nil {
			change(members)
		}
		return types.ObjectValueMust(attribute.ControllerTypes, members)
	}
	for name, c := range map[string]struct {
		object   types.Object
		provider controller.Settings
		want     string
	}{
		"name and port": {object: full(nil), want: "https://lab.example.net:8443"},
		"the provider's port": {
			object:   full(func(m map[string]attr.Value) { m["port"] = types.Int64Null() }),
			provider: controller.Settings{Port: 443}, want: "https://lab.example.net",
		},
		"a port that is not known": {
			object:   full(func(m map[string]attr.Value) { m["port"] = types.Int64Unknown() }),
			provider: controller.Settings{Port: 443},
		},
		"a provider that is not known": {object: full(func(m map[string]attr.Value) { m["port"] = types.Int64Null() })},
		"a name that is not known":     {object: full(func(m map[string]attr.Value) { m["hostname"] = types.StringUnknown() })},
		"no name":                      {object: full(func(m map[string]attr.Value) { m["hostname"] = types.StringNull() })},
		"nothing":                      {object: types.ObjectNull(attribute.ControllerTypes), provider: controller.Settings{Port: 443}},
		"all unknown":                  {object: types.ObjectUnknown(attribute.ControllerTypes), provider: controller.Settings{Port: 443}},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := namedURL(c.object, c.provider)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, c.want)
			}
		})
	}
}
