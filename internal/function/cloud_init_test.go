package function_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

// obj and tup are written as the literals of HCL, whose types Terraform takes
// from the values.
type (
	obj map[string]any
	tup []any
	// later is a value that is known after apply.
	later struct{}
)

func literal(t *testing.T, v any) tftypes.Value {
	t.Helper()
	switch v := v.(type) {
	case nil:
		return tftypes.NewValue(tftypes.DynamicPseudoType, nil)
	case later:
		return tftypes.NewValue(tftypes.DynamicPseudoType, tftypes.UnknownValue)
	case tftypes.Value:
		return v
	case string:
		return text(v)
	case int:
		return number(int64(v))
	case bool:
		return tftypes.NewValue(tftypes.Bool, v)
	case obj:
		types, values := map[string]tftypes.Type{}, map[string]tftypes.Value{}
		for name, member := range v {
			values[name] = literal(t, member)
			types[name] = values[name].Type()
		}
		return tftypes.NewValue(tftypes.Object{AttributeTypes: types}, values)
	case tup:
		types, values := []tftypes.Type{}, []tftypes.Value{}
		for _, item := range v {
			value := literal(t, item)
			types, values = append(types, value.Type()), append(values, value)
		}
		return tftypes.NewValue(tftypes.Tuple{ElementTypes: types}, values)
	}
	t.Fatalf("no literal of %T", v)
	return tftypes.Value{}
}

func cloudInit(t *testing.T, config any) (string, *tfprotov6.FunctionError) {
	t.Helper()
	got, refusal := call(t, "cloud_init", literal(t, config))
	if refusal != nil {
		return "", refusal
	}
	return as[string](t, got), nil
}

func rendered(t *testing.T, config any) string {
	t.Helper()
	out, refusal := cloudInit(t, config)
	if refusal != nil {
		t.Fatal(refusal.Text)
	}
	return out
}

// document is a cloud-config as cloud-init takes it.
type document struct {
	Hostname         string `yaml:"hostname"`
	FQDN             string `yaml:"fqdn"`
	PreserveHostname *bool  `yaml:"preserve_hostname"`
	ManageEtcHosts   string `yaml:"manage_etc_hosts"`
	WriteFiles       []struct {
		Path, Owner, Permissions, Encoding, Content string
	} `yaml:"write_files"`
	Runcmd []any
}

func parse(t rapid.TB, text string) document {
	t.Helper()
	if !strings.HasPrefix(text, "#cloud-config\n") {
		t.Fatalf("not a cloud-config: %q", text)
	}
	var d document
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return d
}

// file is the content of a written file.
func (d document) file(t rapid.TB, path string) string {
	t.Helper()
	for _, f := range d.WriteFiles {
		if f.Path != path {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(f.Content)
		if err != nil || f.Encoding != "b64" {
			t.Fatalf("content of %s: %v, encoding %q", path, err, f.Encoding)
		}
		return string(data)
	}
	t.Fatalf("%s is not written: %+v", path, d.WriteFiles)
	return ""
}

const basePath = "/etc/virl2-base-config.yml"

var full = obj{
	"hostname": "lab-01.example.net",
	"admin":    obj{"username": "admin", "password": "007: #1 \"secret\"\n"},
	"system":   obj{"username": "sysadmin", "password": "yes%20yes"},
	"files": tup{
		obj{"path": "/etc/motd", "content": "Willkommen, Grüße\n", "permissions": "644", "owner": "root"},
		obj{"path": "/opt/tool", "content_base64": base64.StdEncoding.EncodeToString([]byte{0, 1, 2, 255}), "permissions": "0755", "owner": nil},
		obj{"path": "/etc/secret", "content": ""},
	},
	"commands": tup{"echo \"$HOME\" > /tmp/'home dir'", tup{"touch", "/tmp/$(reboot)", "- x: y"}},
}

// The whole document, so that a change of any byte is seen.
func TestCloudInitGolden(t *testing.T) {
	golden := filepath.Join("testdata", "cloud_init.yml")
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got := rendered(t, full)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("-%s +got\n%s", golden, d)
	}
	if again := rendered(t, full); again != got {
		t.Error("the same argument gives another document")
	}
}

func TestCloudInit(t *testing.T) {
	d := parse(t, rendered(t, full))
	if d.Hostname != "lab-01" || d.FQDN != "lab-01.example.net" || d.PreserveHostname == nil || *d.PreserveHostname || d.ManageEtcHosts != "localhost" {
		t.Errorf("%+v", d)
	}
	modes := map[string]string{}
	for _, f := range d.WriteFiles {
		modes[f.Path] = f.Permissions + " " + f.Owner
	}
	if diff := cmp.Diff(map[string]string{
		basePath: "0600 root:root", "/etc/motd": "0644 root", "/opt/tool": "0755 root:root", "/etc/secret": "0600 root:root",
	}, modes); diff != "" {
		t.Error(diff)
	}
	if d.file(t, "/etc/motd") != "Willkommen, Grüße\n" || d.file(t, "/opt/tool") != "\x00\x01\x02\xff" || d.file(t, "/etc/secret") != "" {
		t.Errorf("%+v", d.WriteFiles)
	}
	if len(d.Runcmd) != 3 {
		t.Fatalf("%v", d.Runcmd)
	}
	if diff := cmp.Diff([]any{"echo \"$HOME\" > /tmp/'home dir'", []any{"touch", "/tmp/$(reboot)", "- x: y"}}, d.Runcmd[1:]); diff != "" {
		t.Error(diff)
	}
	setup, _ := d.Runcmd[0].([]any)
	if len(setup) != 3 || !strings.Contains(setup[2].(string), "/etc/.virl2_unconfigured") || strings.Contains(setup[2].(string), "reboot") {
		t.Errorf("first command: %v", d.Runcmd[0])
	}

	var base map[string]any
	if err := yaml.Unmarshal([]byte(d.file(t, basePath)), &base); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{
		"admins": map[string]any{
			"controller": map[string]any{"username": "admin", "password": "007: #1 \"secret\"\n"},
			"system":     map[string]any{"username": "sysadmin", "password": "yes%20yes"},
		},
		"hostname": "lab-01.example.net", "controller_name": "lab-01.example.net",
		"is_controller": true, "is_compute": true, "is_cluster": false, "is_configured": false, "interactive": false,
		"primary_interface": "", "cluster_interface": "", "compute_secret": "",
		"use_ipv4_dhcp": true, "skip_primary_bridge": true, "ssh_server": true, "copy_iso_to_disk": false,
	}, base); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(rendered(t, full), "secret\\") {
		t.Error("a secret stands in the document as it is")
	}
}

// Every member may be left out, be null, or be of the type that a variable
// rather than a literal has.
func TestCloudInitMembersMayBeLeftOut(t *testing.T) {
	if got := rendered(t, obj{}); got != "#cloud-config\n" {
		t.Errorf("got %q", got)
	}
	nothing := obj{"hostname": nil, "admin": nil, "system": nil, "publisher": nil, "files": nil, "commands": nil}
	if got := rendered(t, nothing); got != "#cloud-config\n" {
		t.Errorf("got %q", got)
	}
	if got := rendered(t, obj{"files": tup{}, "commands": tup{}}); got != "#cloud-config\n" {
		t.Errorf("got %q", got)
	}
	d := parse(t, rendered(t, obj{"hostname": "lab-01"}))
	if d.Hostname != "lab-01" || d.FQDN != "" || d.WriteFiles != nil || d.Runcmd != nil {
		t.Errorf("%+v", d)
	}
	d = parse(t, rendered(t, obj{"admin": obj{"username": "admin", "password": "12345678"}}))
	if base := d.file(t, basePath); d.Hostname != "" || !strings.Contains(base, `hostname: "cml-controller"`) || strings.Contains(base, "system:") {
		t.Errorf("%+v\n%s", d, base)
	}
	d = parse(t, rendered(t, obj{"files": tup{obj{"path": basePath, "content": "own"}}}))
	if d.file(t, basePath) != "own" || d.Runcmd != nil {
		t.Errorf("%+v", d)
	}

	// variables: a map for an object, lists and sets for tuples
	texts := tftypes.Map{ElementType: tftypes.String}
	admin := tftypes.NewValue(texts, map[string]tftypes.Value{"username": text("admin"), "password": text("12345678")})
	commands := tftypes.NewValue(tftypes.List{ElementType: tftypes.String}, []tftypes.Value{text("true")})
	file := tftypes.NewValue(texts, map[string]tftypes.Value{"path": text("/a"), "content": text("a")})
	files := tftypes.NewValue(tftypes.Set{ElementType: texts}, []tftypes.Value{file})
	d = parse(t, rendered(t, obj{"admin": admin, "commands": commands, "files": files}))
	if d.file(t, "/a") != "a" || len(d.Runcmd) != 2 || d.Runcmd[1] != "true" || !strings.Contains(d.file(t, basePath), `password: "12345678"`) {
		t.Errorf("%+v", d)
	}
}

func TestCloudInitRefuses(t *testing.T) {
	account := func(username, password any) obj { return obj{"username": username, "password": password} }
	good := account("admin", "12345678")
	file := func(more obj) obj {
		out := obj{"path": "/etc/motd", "content": "hello"}
		for name, v := range more {
			if out[name] = v; v == "-" {
				delete(out, name)
			}
		}
		return obj{"files": tup{out}}
	}
	for _, tc := range []struct {
		config any
		want   string
	}{
		{nil, "The argument is null"},
		{tftypes.NewValue(tftypes.Object{}, nil), "The argument is null"},
		{obj{"admin": obj{"username": tftypes.NewValue(tftypes.String, nil), "password": "12345678"}}, "`admin.username` is missing"},
		{"lab-01", "The argument is a string. Write an object with the members `hostname`"},
		{tup{}, "The argument is a list"},
		{obj{"host_name": "lab"}, "`host_name` is not known here. The members are `hostname`, `admin`"},
		{obj{"hostname": ""}, "`hostname` is empty"},
		{obj{"hostname": "lab_01"}, "`hostname` is \"lab_01\", which is not a host name"},
		{obj{"hostname": "lab-01."}, "not a host name"},
		{obj{"hostname": "10.0.1.20"}, "not a host name"},
		{obj{"hostname": strings.Repeat("a.", 40)}, "at most 64"},
		{obj{"hostname": 1}, "`hostname` is a number. Write a string, in quotes"},
		{obj{"hostname": tup{"lab"}}, "`hostname` is a list"},
		{obj{"admin": "admin"}, "`admin` is a string. Write an object with the members `username`, `password`"},
		{obj{"admin": obj{}}, "`admin.username` is missing"},
		{obj{"admin": obj{"username": "admin"}}, "`admin.password` is missing"},
		{obj{"admin": account(nil, "12345678")}, "`admin.username` is missing"},
		{obj{"admin": account("", "12345678")}, "`admin.username` is empty"},
		{obj{"admin": account(strings.Repeat("a", 33), "12345678")}, "`admin.username` has 33 characters"},
		{obj{"admin": account("a\nb", "12345678")}, "control character"},
		{obj{"admin": account("admin", "1234567")}, "`admin.password` has 7 characters. CML takes passwords of at least 8"},
		{obj{"admin": account("admin", 12345678)}, "`admin.password` is a number. Write a string, in quotes"},
		{obj{"admin": obj{"username": "admin", "password": "12345678", "token": "x"}}, "`admin.token` is not known here"},
		{obj{"system": account("sysadmin", "12345678")}, "`system` needs `admin` beside it"},
		{obj{"admin": good, "system": account("Sys Admin", "12345678")}, "`system.username` is \"Sys Admin\", which is no user name of Linux"},
		{obj{"admin": good, "system": account("sysadmin", "short")}, "`system.password` has 5 characters"},
		{obj{"files": "x"}, "`files` is a string. Write a list of objects"},
		{obj{"files": obj{"path": "/a"}}, "`files` is an object. Write a list"},
		{obj{"files": tup{nil}}, "`files[0]` is null"},
		{obj{"files": tup{"x"}}, "`files[0]` is a string. Write an object"},
		{file(obj{"path": "-"}), "`files[0].path` is missing"},
		{file(obj{"path": "etc/motd"}), "Write the absolute path of a file"},
		{file(obj{"path": "/"}), "Write the absolute path of a file"},
		{file(obj{"path": "/etc/"}), "Write the absolute path of a file"},
		{file(obj{"path": "/etc/a\nb"}), "Write the absolute path of a file"},
		{file(obj{"content": "-"}), "`files[0]` has no content"},
		{file(obj{"content": nil}), "`files[0]` has no content"},
		{file(obj{"content": 1}), "`files[0].content` is a number"},
		{file(obj{"content_base64": "AA=="}), "`files[0]` has both"},
		{file(obj{"content": "-", "content_base64": "%%%"}), "`files[0].content_base64` is not base64"},
		{file(obj{"permissions": 420}), "`files[0].permissions` is a number. Write a string, in quotes"},
		{file(obj{"permissions": "0888"}), "`files[0].permissions` is \"0888\". Write an octal mode in quotes"},
		{file(obj{"permissions": "rw-r--r--"}), "octal mode"},
		{file(obj{"owner": "a:b:c"}), "`files[0].owner` is \"a:b:c\""},
		{file(obj{"mode": "0644"}), "`files[0].mode` is not known here. The members are `path`, `content`"},
		{obj{"files": tup{obj{"path": "/a", "content": ""}, obj{"path": "//a", "content": ""}}}, "`files[1].path` is \"//a\", which is the path of `files[0]` already"},
		{obj{"admin": good, "files": tup{obj{"path": basePath, "content": ""}}}, "is the path of what `admin` and `system` write already"},
		{obj{"commands": "reboot"}, "`commands` is a string. Write a list of commands"},
		{obj{"commands": tup{""}}, "`commands[0]` is empty"},
		{obj{"commands": tup{" \n"}}, "`commands[0]` is empty"},
		{obj{"commands": tup{nil}}, "`commands[0]` is null"},
		{obj{"commands": tup{tup{}}}, "`commands[0]` is empty"},
		{obj{"commands": tup{tup{"a", nil}}}, "`commands[0][1]` is null"},
		{obj{"commands": tup{tup{"sleep", 1}}}, "`commands[0][1]` is a number. Write a string, in quotes"},
		{obj{"commands": tup{true}}, "`commands[0]` is true or false"},
	} {
		_, refusal := cloudInit(t, tc.config)
		refused(t, refusal, 0, tc.want)
	}

	// all at once, and no secret among them
	_, refusal := cloudInit(t, obj{"hostname": "", "admin": account("", "geheim1"), "nope": "geheim2"})
	refused(t, refusal, 0, "`hostname`")
	for _, want := range []string{"`nope`", "`admin.username`", "`admin.password`"} {
		refused(t, refusal, 0, want)
	}
	if refusal != nil && strings.Contains(refusal.Text, "geheim") {
		t.Errorf("a value is in the error: %s", refusal.Text)
	}
}

// A part that is known after apply makes the result so, but what is known is
// judged already.
func TestCloudInitUnknown(t *testing.T) {
	for name, config := range map[string]any{
		"all":      later{},
		"hostname": obj{"hostname": tftypes.NewValue(tftypes.String, tftypes.UnknownValue), "admin": obj{"username": "admin", "password": "12345678"}},
		"admin":    obj{"admin": later{}, "system": obj{"username": "sysadmin", "password": "12345678"}},
		"password": obj{"admin": obj{"username": "admin", "password": later{}}},
		"content":  obj{"files": tup{obj{"path": "/a", "content": later{}}}},
		"path":     obj{"files": tup{obj{"path": later{}, "content": ""}}},
		"command":  obj{"commands": tup{later{}}},
		"word":     obj{"commands": tup{tup{"echo", later{}}}},
	} {
		got, refusal := call(t, "cloud_init", literal(t, config))
		if refusal != nil || got.IsKnown() {
			t.Errorf("%s: %v, %v", name, got, refusal)
		}
	}
	_, refusal := cloudInit(t, obj{"hostname": later{}, "admin": obj{"username": "admin", "password": "short"}})
	refused(t, refusal, 0, "`admin.password` has 5 characters")
}

// Any string comes out of the YAML as it went in.
func TestCloudInitAnyString(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		anything := rapid.StringOfN(rapid.OneOf(rapid.Rune(), rapid.SampledFrom([]rune("\"'\\\n\r\t :#-%&*!|>{}[]$`0~\u0000\u007f\u0085\u00a0\u2028\ufeff\U0001f600"))), 8, 40, -1)
		password, content, line, word := anything.Draw(rt, "password"), anything.Draw(rt, "content"), anything.Draw(rt, "line")+"x", anything.Draw(rt, "word")
		d := parse(rt, rendered(t, obj{
			"admin":    obj{"username": "admin", "password": password},
			"files":    tup{obj{"path": "/f", "content": content}},
			"commands": tup{line, tup{word, word}},
		}))
		var base struct {
			Admins struct{ Controller struct{ Password any } }
		}
		if err := yaml.Unmarshal([]byte(d.file(rt, basePath)), &base); err != nil {
			rt.Fatal(err)
		}
		if base.Admins.Controller.Password != password || d.file(rt, "/f") != content {
			rt.Fatalf("password %q became %q, content %q became %q", password, base.Admins.Controller.Password, content, d.file(rt, "/f"))
		}
		if diff := cmp.Diff([]any{line, []any{word, word}}, d.Runcmd[1:]); diff != "" {
			rt.Fatal(diff)
		}
	})
}

// What YAML would read as something else stays a string.
func TestCloudInitStringsStayStrings(t *testing.T) {
	for _, s := range []string{"00000007", "12345678", "1234_5678", "0x123456", "1.5e+300", "20:30:40", "2026-11-23", "truetrue", "~~~~~~~~", "!!binary", "{a: b}  ", "- - - - ", "key: val", "%percent", "@reserved", "`reserved", "*aliases", "&anchor x"} {
		var base struct {
			Admins struct{ Controller struct{ Password any } }
		}
		text := parse(t, rendered(t, obj{"admin": obj{"username": "admin", "password": s}})).file(t, basePath)
		if err := yaml.Unmarshal([]byte(text), &base); err != nil || base.Admins.Controller.Password != s {
			t.Errorf("%q became %v (%T), %v", s, base.Admins.Controller.Password, base.Admins.Controller.Password, err)
		}
	}
}
