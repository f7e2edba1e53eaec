package function

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
)

// boot is what a machine is told at its first boot.
type boot struct {
	hostname string
	// admin is the administrator of CML, system the account of the operating
	// system (and of Cockpit).
	admin, system *account
	// publisher sends metrics to CloudWatch, nil when nothing does.
	publisher *publisher.Settings
	files     []file
	commands  []command
}

type account struct{ username, password string }

type file struct {
	path, owner, permissions string
	content                  []byte
	// zipped keeps a long text short in the document.
	zipped bool
}

// command is a line for the shell, or a program with its arguments when there
// are several words; cloud-init runs those without a shell.
type command struct {
	line  string
	words []string
}

const (
	// baseConfigPath is the file from which CML takes its accounts at its first
	// boot (cml-api.md 8.2).
	baseConfigPath = "/etc/virl2-base-config.yml"
	// defaultHostname is CML's own.
	defaultHostname = "cml-controller"
	// initialSetup lets CML read the file where it has not been set up yet: the
	// step that Cisco's cloud-cml makes at the same point of the boot. The marker
	// is gone on an image that has been set up, and nothing happens.
	initialSetup = "if [ -e /etc/.virl2_unconfigured ]; then systemctl start virl2-initial-setup.service; fi"
)

// render returns the cloud-config document. It asks for no reboot: a machine
// that reboots after its first "ready" would break off what waited for it
// (cml-api.md 3.1).
func render(b boot) string {
	var doc []pair
	if b.hostname != "" {
		short, _, dotted := strings.Cut(b.hostname, ".")
		doc = append(doc, pair{"preserve_hostname", false}, pair{"hostname", short})
		if dotted {
			doc = append(doc, pair{"fqdn", b.hostname})
		}
		// The name resolves on the machine itself, whatever DNS says.
		doc = append(doc, pair{"manage_etc_hosts", "localhost"})
	}
	var files, commands []any
	if b.publisher != nil {
		for _, f := range publisher.Files(*b.publisher) {
			files = append(files, written(file{path: f.Path, owner: "root:root", permissions: f.Permissions, content: f.Content, zipped: len(f.Content) > 512}))
		}
		// First, since what comes later may reboot, or never end. Until CML is up the
		// publisher says so and waits for its next turn.
		commands = append(commands, []string{"sh", "-c", "systemctl daemon-reload && systemctl enable --now " + publisher.Timer})
	}
	if b.admin != nil {
		files = append(files, written(file{path: baseConfigPath, owner: "root:root", permissions: "0600", content: []byte(baseConfig(b))}))
		commands = append(commands, []string{"sh", "-c", initialSetup})
	}
	for _, f := range b.files {
		files = append(files, written(f))
	}
	for _, c := range b.commands {
		if c.words != nil {
			commands = append(commands, c.words)
			continue
		}
		commands = append(commands, c.line)
	}
	if files != nil {
		doc = append(doc, pair{"write_files", files})
	}
	if commands != nil {
		doc = append(doc, pair{"runcmd", commands})
	}
	var out strings.Builder
	out.WriteString("#cloud-config\n")
	writeMapping(&out, 0, doc)
	return out.String()
}

// written is an entry of cloud-init's write_files. Permissions are a string,
// since YAML 1.1 reads 0600 as the number 384.
func written(f file) []pair {
	encoding, content := "b64", f.content
	if f.zipped {
		var out bytes.Buffer
		zip, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
		_, _ = zip.Write(content) // a bytes.Buffer does not fail
		_ = zip.Close()
		encoding, content = "gz+b64", out.Bytes()
	}
	return []pair{
		{"path", f.path}, {"owner", f.owner}, {"permissions", f.permissions},
		{"encoding", encoding}, {"content", base64.StdEncoding.EncodeToString(content)},
	}
}

// baseConfig is the file of that name: one controller that runs nodes itself.
// Members and values as cloud-cml sets them for a single machine.
func baseConfig(b boot) string {
	hostname := b.hostname
	if hostname == "" {
		hostname = defaultHostname
	}
	admins := []pair{{"controller", accountPairs(b.admin)}}
	if b.system != nil {
		admins = append(admins, pair{"system", accountPairs(b.system)})
	}
	var out strings.Builder
	writeMapping(&out, 0, []pair{
		{"admins", admins},
		{"hostname", hostname}, {"controller_name", hostname},
		{"is_controller", true}, {"is_compute", true}, {"is_cluster", false},
		{"is_configured", false}, {"interactive", false},
		{"primary_interface", ""}, {"cluster_interface", ""}, {"compute_secret", ""},
		{"use_ipv4_dhcp", true}, {"skip_primary_bridge", true}, {"ssh_server", true}, {"copy_iso_to_disk", false},
	})
	return out.String()
}

func accountPairs(a *account) []pair {
	return []pair{{"username", a.username}, {"password", a.password}}
}
