package acctest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
)

func TestMain(m *testing.M) { acctest.Main(m) }

// child names the variable that makes TestEnvironment the child.
const child = "ACCTEST_CHILD"

// A machine without an engine runs the other tests, and those must not see the
// caller's settings either.
func TestEnvironment(t *testing.T) {
	if os.Getenv(child) != "" {
		for _, key := range []string{"AWS_PROFILE", "CML_PASSWORD", "TF_LOG"} {
			if v, set := os.LookupEnv(key); set {
				t.Errorf("%s is %q", key, v)
			}
		}
		if os.Getenv("AWS_EC2_METADATA_DISABLED") != "true" {
			t.Error("the instance metadata service is not switched off")
		}
		return
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A clone in which no engine was obtained yet.
	clone := t.TempDir()
	if err := os.WriteFile(filepath.Join(clone, "go.mod"), []byte("module github.com/cml-infra/terraform-provider-cml\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestEnvironment$")
	cmd.Dir = clone
	cmd.Env = append(os.Environ(), child+"=1", "PATH="+clone, "TF_ACC_TERRAFORM_PATH=",
		"AWS_PROFILE=work", "CML_PASSWORD=secret", "TF_LOG=TRACE")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
}
