// Package publisher holds what a worker runs to send metrics of its CML to
// CloudWatch: a script for Python 3.8 and later that needs nothing beside the
// standard library, and the systemd units that run it.
package publisher

import (
	_ "embed" // for the files below
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

//go:embed publisher.py
var script string

//go:embed cml-publisher.service
var service string

//go:embed cml-publisher.timer
var timer string

const (
	// Namespace is that of the metrics, whose one dimension is InstanceId.
	Namespace = "CML/Worker"
	// IdleSeconds is the metric of the time since the last activity, 0 while nodes run.
	IdleSeconds = "IdleSeconds"
	// RunningNodes is the metric of the nodes that run.
	RunningNodes = "RunningNodes"
	// LabsStarted is the metric of the started labs of all users.
	LabsStarted = "LabsStarted"
	// MemoryPercent is the metric of the memory in use, 0 to 100.
	MemoryPercent = "MemoryPercent"
	// DiskPercent is the metric of CML's disk space in use, 0 to 100.
	DiskPercent = "DiskPercent"

	// Timer is the unit to enable; it starts the script, also after each boot.
	Timer = "cml-publisher.timer"
	// ConfigPath is the file with the Settings. It holds no secret.
	ConfigPath = "/etc/cml-publisher.json"
	// ScriptPath is where the service expects the script.
	ScriptPath = "/usr/local/lib/cml-publisher/publisher.py"

	// DefaultInterval is the period of the metrics that an alarm looks at.
	DefaultInterval = 5 * time.Minute
	// MinInterval is CloudWatch's own resolution of a metric.
	MinInterval = time.Minute
	// MaxInterval leaves no period of an alarm without a value.
	MaxInterval = DefaultInterval
)

// Settings are what differs from worker to worker. One of the two references is set.
type Settings struct {
	// SecretsManagerSecretID and SSMParameterName are where the account of CML
	// is kept; an ARN's own region wins over the worker's.
	SecretsManagerSecretID string `json:"secretsmanager_secret_id,omitempty"`
	SSMParameterName       string `json:"ssm_parameter_name,omitempty"`
	// Username is for a secret that is a password alone.
	Username string `json:"username,omitempty"`
	// ExcludeUsers are names or ids of accounts whose user_activity does not
	// count, beside the publisher's own and CML's built-in ones.
	ExcludeUsers []string `json:"exclude_users,omitempty"`
	// Interval is the time between two runs, in whole seconds; zero is DefaultInterval.
	Interval time.Duration `json:"-"`
}

// File is a file on the worker, owned by root.
type File struct {
	Path, Permissions string
	Content           []byte
}

// Files returns what has to be on the worker before Timer is enabled. They
// depend on the settings and the release of the provider alone.
func Files(s Settings) []File {
	if s.Interval == 0 {
		s.Interval = DefaultInterval
	}
	config, _ := json.MarshalIndent(s, "", "  ") // strings cannot fail
	clock := strings.ReplaceAll(timer, "@INTERVAL@", fmt.Sprintf("%ds", int64(s.Interval/time.Second)))
	return []File{
		{Path: ScriptPath, Permissions: "0755", Content: []byte(script)},
		{Path: ConfigPath, Permissions: "0644", Content: append(config, '\n')},
		{Path: "/etc/systemd/system/cml-publisher.service", Permissions: "0644", Content: []byte(service)},
		{Path: "/etc/systemd/system/" + Timer, Permissions: "0644", Content: []byte(clock)},
	}
}
