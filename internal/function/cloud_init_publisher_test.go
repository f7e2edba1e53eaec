package function_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// EC2 takes 16 KiB of user data; the provider compresses what is longer.
const userDataLimit = 16 << 10

func TestCloudInitPublisher(t *testing.T) {
	reference := "arn:aws:secretsmanager:us-east-1:111122223333:secret:cml/lab-AbCdEf"
	all := obj{"publisher": obj{
		"secretsmanager_secret_id": reference, "ssm_parameter_name": nil, "username": "metrics",
		"exclude_users": tup{"terraform", "0c5b1d7e-5d0f-4a55-9c1d-7e5d0f4a559c"}, "interval": "1m30s",
	}}
	for name, member := range full {
		all[name] = member
	}
	text := rendered(t, all)
	d := parse(t, text)
	want := publisher.Files(publisher.Settings{
		SecretsManagerSecretID: reference, Username: "metrics",
		ExcludeUsers: []string{"terraform", "0c5b1d7e-5d0f-4a55-9c1d-7e5d0f4a559c"}, Interval: 90 * time.Second,
	})
	for _, w := range want {
		i := slices.IndexFunc(d.WriteFiles, func(f struct{ Path, Owner, Permissions, Encoding, Content string }) bool { return f.Path == w.Path })
		if i < 0 {
			t.Fatalf("%s is not written", w.Path)
		}
		f := d.WriteFiles[i]
		content, err := base64.StdEncoding.DecodeString(f.Content)
		if f.Encoding == "gz+b64" {
			content = unzip(t, content)
		} else if f.Encoding != "b64" {
			t.Errorf("%s: encoding %q", f.Path, f.Encoding)
		}
		if err != nil || !bytes.Equal(content, w.Content) || f.Owner != "root:root" || f.Permissions != w.Permissions {
			t.Errorf("%s: %v, %s %s, %s", f.Path, err, f.Owner, f.Permissions, content)
		}
	}
	if len(d.WriteFiles) != len(want)+4 {
		t.Errorf("%d files", len(d.WriteFiles))
	}
	// The timer is there before anything that may reboot or hang.
	if len(d.Runcmd) != 4 {
		t.Fatalf("%v", d.Runcmd)
	}
	enable, _ := d.Runcmd[0].([]any)
	setup, _ := d.Runcmd[1].([]any)
	if len(enable) != 3 || enable[2] != "systemctl daemon-reload && systemctl enable --now cml-publisher.timer" || len(setup) != 3 || !strings.Contains(setup[2].(string), "virl2-initial-setup") {
		t.Errorf("%v", d.Runcmd)
	}

	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	_, _ = zip.Write([]byte(text))
	_ = zip.Close()
	if n := zipped.Len(); n > userDataLimit-2048 {
		t.Errorf("%d bytes of user data; there is little room for anything else", n)
	}
	if n := len(rendered(t, obj{"hostname": "lab-01", "publisher": obj{"ssm_parameter_name": "/cml/lab"}})); n > userDataLimit {
		t.Errorf("%d bytes without compression, too long for those who do not compress", n)
	}
}

func unzip(t *testing.T, data []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCloudInitPublisherRefuses(t *testing.T) {
	with := func(member string, value any) obj {
		out := obj{"ssm_parameter_name": "/cml/lab"}
		out[member] = value
		return obj{"publisher": out}
	}
	for _, tc := range []struct {
		config any
		want   string
	}{
		{obj{"publisher": true}, "`publisher` is true or false. Write an object with the members `secretsmanager_secret_id`, `ssm_parameter_name`"},
		{obj{"publisher": obj{}}, "`publisher` does not say where the account of CML is kept. Write `secretsmanager_secret_id` or `ssm_parameter_name`"},
		{obj{"publisher": obj{"secretsmanager_secret_id": nil, "username": "metrics"}}, "`publisher` does not say where"},
		{with("secretsmanager_secret_id", "cml/lab"), "`publisher` has both `secretsmanager_secret_id` and `ssm_parameter_name`"},
		{with("ssm_parameter_name", ""), "`publisher.ssm_parameter_name` is \"\". Write the name or ARN of a parameter"},
		{with("ssm_parameter_name", "two words"), "Write the name or ARN of a parameter"},
		{with("ssm_parameter_name", 7), "`publisher.ssm_parameter_name` is a number"},
		{with("ssm_parameter_name", "arn:aws:secretsmanager:us-east-1:111122223333:secret:x"), "no ARN of the service ssm"},
		{obj{"publisher": obj{"secretsmanager_secret_id": "arn:aws:ssm:us-east-1:111122223333:parameter/x"}}, "no ARN of the service secretsmanager"},
		{with("username", strings.Repeat("a", 33)), "`publisher.username` has 33 characters"},
		{with("exclude_users", "terraform"), "`publisher.exclude_users` is a string. Write a list of names or ids"},
		{with("exclude_users", tup{""}), "`publisher.exclude_users[0]` is empty"},
		{with("exclude_users", tup{nil}), "`publisher.exclude_users[0]` is null"},
		{with("interval", "59s"), "`publisher.interval` is \"59s\". Write a duration from \"1m\" to \"5m\""},
		{with("interval", "6m"), "`publisher.interval` is \"6m\""},
		{with("interval", "90.5s"), "in whole seconds"},
		{with("interval", "often"), "Write a duration"},
		{with("interval", 300), "`publisher.interval` is a number. Write a string"},
		{with("password", "geheim"), "`publisher.password` is not known here"},
		{obj{"publisher": obj{"ssm_parameter_name": "/a"}, "files": tup{obj{"path": "/etc/cml-publisher.json", "content": ""}}}, "is the path of what `publisher` writes already"},
	} {
		_, refusal := cloudInit(t, tc.config)
		refused(t, refusal, 0, tc.want)
	}
}

func TestCloudInitPublisherUnknown(t *testing.T) {
	for name, config := range map[string]any{
		"all":       later{},
		"reference": obj{"secretsmanager_secret_id": later{}},
		"one is":    obj{"secretsmanager_secret_id": later{}, "ssm_parameter_name": "/cml/lab"}, // it may be null
		"user":      obj{"ssm_parameter_name": "/cml/lab", "exclude_users": tup{later{}}},
		"interval":  obj{"ssm_parameter_name": "/cml/lab", "interval": tftypes.NewValue(tftypes.String, tftypes.UnknownValue)},
	} {
		got, refusal := call(t, "cloud_init", literal(t, obj{"publisher": config}))
		if refusal != nil || got.IsKnown() {
			t.Errorf("%s: %v, %v", name, got, refusal)
		}
	}
	_, refusal := cloudInit(t, obj{"publisher": obj{"secretsmanager_secret_id": later{}, "interval": "1h"}})
	refused(t, refusal, 0, "`publisher.interval` is \"1h\"")
	if got := rendered(t, obj{"publisher": nil}); got != "#cloud-config\n" {
		t.Errorf("null: %q", got)
	}
}
