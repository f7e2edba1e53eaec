package docs_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-plugin"
	tfjson "github.com/hashicorp/terraform-json"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest/engine"
	"github.com/cml-infra/terraform-provider-cml/internal/docs"
)

func server(t *testing.T) tfprotov6.ProviderServer {
	t.Helper()
	s, err := providerserver.NewProtocol6WithError(&standIn{})()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSchemas compares with what a real engine prints for the same provider.
// Sections that this engine does not know are left to TestGenerateThenCheck.
func TestSchemas(t *testing.T) {
	e, err := engine.Find(t.Context(), engine.Options{})
	if err != nil {
		t.Skip(err)
	}
	const address = "registry.terraform.io/cml-infra/stand"
	dir := t.TempDir()
	write(t, dir, "main.tf", `terraform {
  required_providers {
    stand = { source = "`+address+`" }
  }
}
provider "stand" {}
`)
	env, err := engine.Isolation(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), e.Path, "providers", "schema", "-json")
	cmd.Dir = dir
	cmd.Env = append(append(engine.Clean(os.Environ()), env...), "TF_REATTACH_PROVIDERS="+serve(t, address))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", cmd, out, stderr(err))
	}
	var theirs tfjson.ProviderSchemas
	if err := json.Unmarshal(out, &theirs); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ours, err := docs.Schemas(t.Context(), server(t), address)
	if err != nil {
		t.Fatal(err)
	}
	want, got := sections(t, theirs.Schemas[address]), sections(t, ours.Schemas[address])
	for _, section := range []string{"provider", "resource_schemas", "data_source_schemas", "functions"} {
		if want[section] == nil {
			t.Errorf("%s prints no %s:\n%s", e, section, out)
		}
	}
	for section, printed := range want {
		if d := cmp.Diff(printed, got[section]); d != "" {
			t.Errorf("%s: -%s +ours\n%s", section, e.Kind, d)
		}
	}
}

// sections are the parts of the JSON as tfplugindocs reads it: what else an
// engine prints (OpenTofu the deprecation messages) goes.
func sections(t *testing.T, schema *tfjson.ProviderSchema) map[string]any {
	t.Helper()
	text, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// serve runs the stand-in as a plugin of this process and returns the value of
// TF_REATTACH_PROVIDERS under which an engine finds it.
func serve(t *testing.T, address string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	configs, closed := make(chan *plugin.ReattachConfig), make(chan struct{})
	t.Cleanup(func() { cancel(); <-closed })
	go func() {
		if err := tf6server.Serve(address, func() tfprotov6.ProviderServer { return server(t) },
			tf6server.WithDebug(ctx, configs, closed), tf6server.WithoutLogStderrOverride()); err != nil {
			t.Errorf("serving the stand-in: %v", err)
		}
	}()
	c := <-configs
	type addr struct{ Network, String string }
	text, err := json.Marshal(map[string]any{address: map[string]any{
		"Protocol": c.Protocol, "ProtocolVersion": c.ProtocolVersion, "Pid": c.Pid, "Test": true,
		"Addr": addr{c.Addr.Network(), c.Addr.String()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func stderr(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(exit.Stderr)
	}
	return ""
}

// site is a repository in small, with the real tfplugindocs that make builds.
func site(t *testing.T) docs.Site {
	t.Helper()
	root, err := engine.Root()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(root, ".tools", "bin", "tfplugindocs")
	if _, err := os.Stat(program); err != nil {
		t.Skip("tfplugindocs is not built; `make docs` builds it")
	}
	s := docs.Site{
		Root: t.TempDir(), Name: "stand", Server: server(t), TFPluginDocs: program,
		Sections: map[string]string{"table": "a | b\n"},
		Files:    map[string][]byte{"examples/thing.svg": []byte("<svg/>\n")},
	}
	write(t, s.Root, "README.md", "# Hello\n<!-- table:begin -->\n<!-- table:end -->\nend\n")
	write(t, s.Root, "templates/index.md.tmpl", "---\npage_title: \"Stand\"\n---\n# Index\n<!-- table:begin --><!-- table:end -->\n{{ .SchemaMarkdown }}\n")
	return s
}

func TestGenerateThenCheck(t *testing.T) {
	s := site(t)
	write(t, s.Root, "examples/resources/stand_thing/resource.tf", "resource \"stand_thing\" \"one\" {\n  name = \"one\"\n}\n")
	write(t, s.Root, "docs/resources/gone.md", "a page of a resource that is no more")

	if err := s.Generate(t.Context()); err != nil {
		t.Fatal(err)
	}
	page := read(t, s.Root, "docs/resources/thing.md")
	for _, want := range []string{"A thing for tests.", `name = "one"`, "### Required", "`name` (String) The thing's name."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of the resource lacks %q:\n%s", want, page)
		}
	}
	if action := read(t, s.Root, "docs/actions/poke.md"); !strings.Contains(action, "Pokes a thing.") {
		t.Errorf("the page of the action:\n%s", action)
	}
	if _, err := os.Stat(filepath.Join(s.Root, "docs", "resources", "gone.md")); !os.IsNotExist(err) {
		t.Errorf("the page of a resource that is no more is still there (%v)", err)
	}
	if got, want := read(t, s.Root, "README.md"), "# Hello\n<!-- table:begin -->\na | b\n<!-- table:end -->\nend\n"; got != want {
		t.Errorf("README.md is %q, want %q", got, want)
	}
	if index := read(t, s.Root, "docs/index.md"); !strings.Contains(index, "<!-- table:begin -->\na | b\n<!-- table:end -->") {
		t.Errorf("the index page lacks the section:\n%s", index)
	}
	if got := read(t, s.Root, "examples/thing.svg"); got != "<svg/>\n" {
		t.Errorf("the picture is %q", got)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("right after Generate: %v", err)
	}
}

func TestGenerateWantsTheEndMarker(t *testing.T) {
	s := site(t)
	write(t, s.Root, "README.md", "<!-- table:begin -->\nno end\n")
	if err := s.Generate(t.Context()); err == nil || !strings.Contains(err.Error(), "table:end") {
		t.Errorf("error %v, want one that names the end marker", err)
	}
}

func TestGenerateShowsWhatTfplugindocsDislikes(t *testing.T) {
	s := site(t)
	write(t, s.Root, "templates/index.md.tmpl", "no front matter\n")
	err := s.Generate(t.Context())
	if err == nil || !strings.Contains(err.Error(), "index.md: error checking file frontmatter") || strings.Contains(err.Error(), "DEBUG") {
		t.Errorf("error %v, want the reason and nothing else", err)
	}
}

func TestCheckFindsWhatIsStale(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, root string)
		want  []string
	}{
		"edited by hand": {
			spoil: func(t *testing.T, root string) {
				write(t, root, "docs/resources/thing.md", read(t, root, "docs/resources/thing.md")+"by hand\n")
			},
			want: []string{"-by hand", "docs/resources/thing.md", "make docs"},
		},
		"page missing": {
			spoil: func(t *testing.T, root string) { remove(t, root, "docs/resources/thing.md") },
			want:  []string{"+A thing for tests.", "generated/docs/resources/thing.md"},
		},
		"page too many": {
			spoil: func(t *testing.T, root string) { write(t, root, "docs/resources/other.md", "other\n") },
			want:  []string{"-other", "docs/resources/other.md"},
		},
		"section of the README": {
			spoil: func(t *testing.T, root string) {
				write(t, root, "README.md", "# Hello\n<!-- table:begin -->\nold\n<!-- table:end -->\n")
			},
			want: []string{"-old", "+a | b", "README.md"},
		},
		"picture": {
			spoil: func(t *testing.T, root string) { write(t, root, "examples/thing.svg", "<svg>by hand</svg>\n") },
			want:  []string{"-<svg>by hand</svg>", "examples/thing.svg", "make docs"},
		},
		"picture missing": {
			spoil: func(t *testing.T, root string) { remove(t, root, "examples/thing.svg") },
			want:  []string{"examples/thing.svg does not exist"},
		},
		"no page at all": {
			spoil: func(t *testing.T, root string) { remove(t, root, "docs") },
			want:  []string{"does not exist", "make docs"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := site(t)
			if err := s.Generate(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.spoil(t, s.Root)
			err := s.Check(t.Context())
			if !errors.Is(err, docs.ErrStale) {
				t.Fatalf("error %v, want ErrStale", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error lacks %q: %v", want, err)
				}
			}
		})
	}
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, filepath.FromSlash(name))); err != nil {
		t.Fatal(err)
	}
}
