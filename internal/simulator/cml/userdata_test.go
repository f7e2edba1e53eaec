package cml_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

const config = `# the base configuration of CML
admins:
  controller:
    username: "john"
    password: 'it''s: secret # really'  # a comment
  system:
    username: sysadmin
    password: other
compute_secret: third
is_controller: true
interactive: false
`

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

func zip(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestAdministratorFromUserData(t *testing.T) {
	plain := "#cloud-config\npackage_update: true\nruncmd:\n  - echo hello: world\n  - [ \"sh\", \"-c\",\n      \"true\" ]\n" +
		"write_files:\n  - path: /etc/other\n    content: x\n  - path: /etc/virl2-base-config.yml\n    owner: root:root\n    permissions: '0640'\n    content: |\n" +
		indent(config, "      ") + "final_message: done\n"
	mime := "Content-Type: multipart/mixed; boundary=\"B\"\r\nMIME-Version: 1.0\r\n\r\n" +
		"--B\r\nContent-Type: text/x-shellscript\r\n\r\n#!/bin/sh\ntrue\n\r\n" +
		"--B\r\nContent-Type: text/cloud-config\r\nContent-Transfer-Encoding: base64\r\n\r\n" + encode(plain) + "\r\n--B--\r\n"
	yamlencode := "#cloud-config\n\"write_files\":\n- \"content\": |\n" + indent(config, "    ") + "  \"path\": \"/etc/virl2-base-config.yml\"\n"
	for name, userData := range map[string]string{
		"plain":          plain,
		"windows lines":  strings.ReplaceAll(plain, "\n", "\r\n"),
		"gzip":           zip(t, plain),
		"mime":           mime,
		"mime gzip":      zip(t, mime),
		"yamlencode":     yamlencode,
		"base64 content": "#cloud-config\nwrite_files:\n- path: /etc/virl2-base-config.yml\n  encoding: b64\n  content: " + encode(config) + "\n",
		"gz+b64 content": "#cloud-config\nwrite_files:\n- path: /etc/virl2-base-config.yml\n  encoding: gz+b64\n  content: >-\n    " + encode(zip(t, config)) + "\n",
		"json":           "#cloud-config\n" + `{"write_files": [{"path": "/etc/virl2-base-config.yml", "content": "{\"admins\": {\"controller\": {\"username\": \"john\", \"password\": \"it's: secret # really\"}}}"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			fleet := newFleet(t, cml.Options{Timing: instant})
			m, c := ready(t, fleet, cml.Boot{UserData: []byte(userData)})
			want := cml.Credentials{Username: "john", Password: "it's: secret # really"}
			if got := m.Admin(); got != want {
				t.Errorf("got %+v, want %+v; console:\n%s", got, want, m.Console())
			}
			c.login(want)
			c.want(403, "POST", "/authenticate", cml.DefaultAdmin())
		})
	}
}

func TestUserDataWithoutAdministrator(t *testing.T) {
	for name, userData := range map[string]string{
		"none":           "",
		"script":         "#!/bin/sh\necho write_files\n",
		"other files":    "#cloud-config\nwrite_files:\n  - path: /etc/motd\n    content: hello\n",
		"no files":       "#cloud-config\npackages: [git]\n",
		"broken yaml":    "#cloud-config\nwrite_files:\n  - path: /etc/virl2-base-config.yml\n   content: x\n",
		"broken base64":  "#cloud-config\nwrite_files:\n  - path: /etc/virl2-base-config.yml\n    encoding: b64\n    content: '***'\n",
		"no password":    "#cloud-config\nwrite_files:\n  - path: /etc/virl2-base-config.yml\n    content: |\n      admins:\n        controller:\n          username: john\n",
		"anchors":        "#cloud-config\nwrite_files: &files\n  - path: x\n",
		"broken gzip":    "\x1f\x8bnothing",
		"broken quoting": "#cloud-config\nwrite_files:\n  - path: \"/etc\n",
		"broken mime":    "Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/cloud-config\n\n#cloud-config\n",
	} {
		t.Run(name, func(t *testing.T) {
			fleet := newFleet(t, cml.Options{Timing: instant})
			m, c := ready(t, fleet, cml.Boot{UserData: []byte(userData)})
			same(t, "admin", m.Admin(), cml.DefaultAdmin())
			c.login(cml.DefaultAdmin())
			broken := strings.HasPrefix(name, "broken") || name == "no password" || name == "anchors"
			if strings.Contains(m.Console(), "cloud-init:") != broken {
				t.Errorf("the console shows\n%s", m.Console())
			}
		})
	}
}

func TestUserDataCountOnTheFirstBootOnly(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant, Admin: cml.Credentials{Username: "first", Password: "correct horse"}})
	boot := cml.Boot{InstanceID: "i-1", Addresses: []string{address()}}
	m, _ := ready(t, fleet, boot)
	fleet.Shutdown("i-1")
	boot.UserData = []byte("#cloud-config\nwrite_files:\n  - path: /etc/virl2-base-config.yml\n    content: |\n" + indent(config, "      "))
	ready(t, fleet, boot)
	same(t, "admin", m.Admin().Username, "first")
}

func TestProvisioningInstallsCMLOnAPlainImage(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	ready(t, fleet, cml.Boot{NoCML: true, UserData: []byte("#cloud-config\nwrite_files:\n  - path: /etc/virl2-base-config.yml\n    content: |\n" + indent(config, "      "))})
}

func TestPrepareAndConsole(t *testing.T) {
	fleet := newFleet(t, cml.Options{Timing: instant})
	fleet.Prepare(func(m *cml.Machine) { m.SetAdmin(cml.Credentials{Username: "prepared", Password: "correct horse"}) })
	same(t, "console before the first boot", fleet.Machine("i-1").Console(), "")
	m, c := ready(t, fleet, cml.Boot{InstanceID: "i-1"})
	c.login(cml.Credentials{Username: "prepared", Password: "correct horse"})
	m.Print("hello")
	if text := m.Console(); !strings.Contains(text, "hello\n") || !strings.Contains(text, "login: ") {
		t.Errorf("the console shows\n%s", text)
	}
	same(t, "machines", len(fleet.Machines()), 1)
}
