package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// private are the prefixes of variables that configure Terraform, OpenTofu, an
// AWS SDK or the provider. What a developer has set for daily work must
// neither help nor hinder a test.
var private = []string{"AWS_", "TF_", "TOFU_", "CML_"}

// documented are the exceptions: variables that are meant for the tests. A
// trailing * stands for any ending.
var documented = []string{"TF_ACC", "TF_ACC_TERRAFORM_PATH", "CML_ACC_*"}

// Clean returns environ ("KEY=value") without the variables of AWS, Terraform,
// OpenTofu and CML, except those that keep names (a trailing * stands for any
// ending).
func Clean(environ []string, keep ...string) []string {
	out := make([]string, 0, len(environ))
	for _, entry := range environ {
		key, _, _ := strings.Cut(entry, "=")
		if !isPrivate(key) || matches(key, keep) {
			out = append(out, entry)
		}
	}
	return out
}

func isPrivate(key string) bool {
	for _, prefix := range private {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

func matches(key string, patterns []string) bool {
	for _, p := range patterns {
		if stem, open := strings.CutSuffix(p, "*"); key == p || open && strings.HasPrefix(key, stem) {
			return true
		}
	}
	return false
}

// Isolation returns the settings ("KEY=value") under which an engine and the
// provider below it see no file and no service of the caller's: an empty CLI
// configuration and empty AWS files in dir, no instance metadata, no check for
// new releases, no questions.
func Isolation(dir string) ([]string, error) {
	empty := func(name string) (string, error) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			return "", fmt.Errorf("isolating the engine from this machine's settings: %w", err)
		}
		return path, nil
	}
	cli, err := empty("empty.tfrc")
	if err != nil {
		return nil, err
	}
	aws, err := empty("empty-aws")
	if err != nil {
		return nil, err
	}
	return []string{
		"TF_CLI_CONFIG_FILE=" + cli,
		"TF_IN_AUTOMATION=1",
		"TF_INPUT=0",
		"CHECKPOINT_DISABLE=1",
		"AWS_CONFIG_FILE=" + aws,
		"AWS_SHARED_CREDENTIALS_FILE=" + aws,
		"AWS_EC2_METADATA_DISABLED=true",
	}, nil
}

// Pin makes this process fit for tests that let terraform-plugin-testing run
// the engine: Isolate, and the names of engine and provider address. For
// TestMain, before anything else runs.
func (e Engine) Pin(dir string) error {
	if err := Isolate(dir); err != nil {
		return err
	}
	return set(
		"TF_ACC_TERRAFORM_PATH="+e.Path,
		"TF_ACC_PROVIDER_HOST="+e.ProviderHost(),
		"TF_ACC_PROVIDER_NAMESPACE="+Namespace,
	)
}

// Isolate removes the caller's variables, except the documented ones, from the
// environment of this process and sets those of Isolation, with files in dir.
// With TF_ACC set the run is against a real account, so that AWS variables and
// files stay.
func Isolate(dir string) error {
	keep, account := documented, os.Getenv("TF_ACC") != ""
	if account {
		keep = append([]string{"AWS_*"}, documented...)
	}
	for _, entry := range os.Environ() {
		key, _, _ := strings.Cut(entry, "=")
		if !isPrivate(key) || matches(key, keep) {
			continue
		}
		if err := os.Unsetenv(key); err != nil {
			return fmt.Errorf("removing %s from the environment of the tests: %w", key, err)
		}
	}
	isolation, err := Isolation(dir)
	if err != nil {
		return err
	}
	if account {
		isolation = slices.DeleteFunc(isolation, func(entry string) bool { return strings.HasPrefix(entry, "AWS_") })
	}
	return set(isolation...)
}

func set(entries ...string) error {
	for _, entry := range entries {
		key, value, _ := strings.Cut(entry, "=")
		if err := os.Setenv(key, value); err != nil {
			return fmt.Errorf("setting %s for the tests: %w", key, err)
		}
	}
	return nil
}

// Namespace and TypeName are the provider's in its source address
// <host>/cml-infra/cml.
const (
	Namespace = "cml-infra"
	TypeName  = "cml"
)
