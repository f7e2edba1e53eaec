package attribute_test

import (
	"maps"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

func tagged(unknown ...string) *clients.Set {
	return clients.New(clients.Options{
		ManagedTags: instance.ManagedTags{Enabled: true}, DefaultTags: map[string]string{"Team": "lab", "Env": "test"},
		IgnoredKeys: []string{"scan"}, UnknownArguments: unknown,
	})
}

func TestTagsAll(t *testing.T) {
	t.Parallel()
	tags := types.MapValueMust(types.StringType, map[string]attr.Value{
		"Env": types.StringValue("prod"), "Owner": types.StringUnknown(), "scan": types.StringValue("x"),
	})
	want := types.MapValueMust(types.StringType, map[string]attr.Value{
		"Team": types.StringValue("lab"), "Env": types.StringValue("prod"), "Owner": types.StringUnknown(),
	})
	if got := attribute.TagsAll(tagged(), tags); !got.Equal(want) {
		t.Errorf("%s", got)
	}
	if got := attribute.TagsAll(tagged("default_tags"), tags); !got.IsUnknown() {
		t.Errorf("with default_tags unknown: %s", got)
	}
	if got := attribute.TagsAll(tagged(), types.MapUnknown(types.StringType)); !got.IsUnknown() {
		t.Errorf("with tags unknown: %s", got)
	}
}

func TestTagsOfOthers(t *testing.T) {
	t.Parallel()
	own := attribute.OwnTags(tagged(), map[string]string{
		"Env": "test", "scan": "x", "cml:worker-id": "i-1", "old:managed-by": instance.ManagedByValue, "old:worker-id": "i-1", "Owner": "me",
	})
	if want := map[string]string{"Env": "test", "Owner": "me"}; !maps.Equal(own, want) {
		t.Errorf("own tags %v", own)
	}
	defaults := map[string]string{"Env": "test"}
	if got := attribute.WithoutDefaults(own, defaults, nil); !maps.Equal(got, map[string]string{"Owner": "me"}) {
		t.Errorf("without defaults %v", got)
	}
	if got := attribute.WithoutDefaults(own, defaults, map[string]string{"Env": "test"}); len(got) != 2 {
		t.Errorf("a default that is configured too is left out: %v", got)
	}
	var diags diag.Diagnostics
	attribute.CheckTags(tagged(), types.MapValueMust(types.StringType, map[string]attr.Value{"cml:x": types.StringValue("y"), "x": types.StringValue("y")}), &diags)
	if diags.ErrorsCount() != 1 {
		t.Errorf("%v", diags)
	}
}
