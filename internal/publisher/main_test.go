package publisher_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/publisher"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	home     = "us-east-1"
	account  = "cml-publisher"
	password = `pa55 "word" & <ü>`
)

func TestMain(m *testing.M) { acctest.Main(m) }

// found are the interpreters of this machine that the script is written for,
// without what stands before them on the PATH.
var found = sync.OnceValue(func() []string {
	var out []string
	for _, name := range []string{"python3", "python3.8", "python3.9", "python3.10", "python3.11", "python3.12", "python3.13"} {
		executable, err := exec.CommandContext(context.Background(), name, "-c", "import sys; print(sys.executable)").Output()
		if path := strings.TrimSpace(string(executable)); err == nil && !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out
})

func pythons(t *testing.T) []string {
	t.Helper()
	if len(found()) == 0 {
		t.Skip("there is no python3 on the PATH to run the script with")
	}
	return found()
}

// stage is a worker with CML that is ready, a role, and what cloud-init would
// have written. Its machine is this one: only addresses are the simulator's.
type stage struct {
	*acctest.World
	t        *testing.T
	python   string
	dir, id  string
	user     string // id of the publisher's account
	settings publisher.Settings
	env      []string
	// change alters the script, such as its limits; nil leaves it.
	change func(string) string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{
		t: t, python: pythons(t)[0], dir: t.TempDir(), World: acctest.NewWorld(t),
		settings: publisher.Settings{SecretsManagerSecretID: "cml/lab/publisher"},
	}
	s.id = s.launch("cml-worker")
	s.user = s.server().AddUser(cml.Credentials{Username: account, Password: password}, false)
	s.secret(password)
	s.set(publisher.ConfigPath, "CML_PUBLISHER_CONFIG", s.config())
	s.setenv("AWS_ENDPOINT_URL", s.Endpoint())
	s.setenv("RUNTIME_DIRECTORY", s.directory("run"))
	s.on(s.id)
	return s
}

// launch runs a machine and waits for its CML.
func (s *stage) launch(profile string) string {
	s.t.Helper()
	in := &ec2.RunInstancesInput{
		ImageId: sdk.String(aws.SeededID("ami", home, aws.SerialImage290)), InstanceType: types.InstanceTypeM8i2xlarge,
		SubnetId: sdk.String(aws.SeededID("subnet", home, aws.SerialSubnetA)), MinCount: sdk.Int32(1), MaxCount: sdk.Int32(1),
		MetadataOptions: &types.InstanceMetadataOptionsRequest{HttpTokens: types.HttpTokensStateRequired, HttpPutResponseHopLimit: sdk.Int32(1)},
		CpuOptions:      &types.CpuOptionsRequest{NestedVirtualization: types.NestedVirtualizationSpecificationEnabled},
	}
	if profile != "" {
		in.IamInstanceProfile = &types.IamInstanceProfileSpecification{Name: &profile}
	}
	client := ec2.New(ec2.Options{
		Region: home, BaseEndpoint: sdk.String(s.Endpoint()), Credentials: credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", "")})
	out, err := client.RunInstances(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	id := *out.Instances[0].InstanceId
	for end := time.Now().Add(time.Minute); s.CML.Machine(id).Phase() != cml.Ready; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatal("CML does not get ready")
		}
	}
	return id
}

// on moves the script to a machine.
func (s *stage) on(id string) {
	s.t.Helper()
	metadata, err := s.MetadataEndpoint(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	s.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata)
	s.setenv("CML_PUBLISHER_URL", fmt.Sprintf("https://%s:%d", s.CML.Machine(id).Addresses()[0], s.Port()))
}

func (s *stage) server() *cml.Machine { return s.CML.Machine(s.id) }

func (s *stage) secret(password string) string {
	text, err := json.Marshal(map[string]string{"username": account, "password": password})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.AWS.Region(home).SetSecret("cml/lab/publisher", aws.Secret{Text: string(text)})
}

// event is something that happened on CML.
func (s *stage) event(category string, ago time.Duration, user string) {
	data := map[string]any{}
	if user != "" {
		data["user_id"] = user
	}
	s.server().AddEvent(cml.Event{Category: category, Time: time.Now().Add(-ago), Data: data})
}

func (s *stage) lab(l cml.Lab) {
	s.t.Helper()
	l.Nodes = []cml.Node{{Label: "r1"}, {Label: "r2"}}
	if _, err := s.server().AddLab(l); err != nil {
		s.t.Fatal(err)
	}
}

// config is the file of the settings, as it is installed.
func (s *stage) config() []byte {
	for _, f := range publisher.Files(s.settings) {
		if f.Path == publisher.ConfigPath {
			return f.Content
		}
	}
	s.t.Fatal("no settings are installed")
	return nil
}

func (s *stage) configure(settings publisher.Settings) {
	s.t.Helper()
	s.settings = settings
	s.set(publisher.ConfigPath, "CML_PUBLISHER_CONFIG", s.config())
}

// set writes a file of the machine below the test's directory and names it in a variable.
func (s *stage) set(path, variable string, content []byte) {
	s.t.Helper()
	file := filepath.Join(s.directory("files"), filepath.Base(path))
	if err := os.WriteFile(file, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.setenv(variable, file)
}

func (s *stage) directory(name string) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

func (s *stage) setenv(name, value string) {
	s.env = append(slices.DeleteFunc(s.env, func(v string) bool { return strings.HasPrefix(v, name+"=") }), name+"="+value)
}

// script writes the installed script to a file of its own.
func script(t *testing.T, dir string) string {
	t.Helper()
	for _, f := range publisher.Files(publisher.Settings{}) {
		if f.Path == publisher.ScriptPath {
			file := filepath.Join(dir, "publisher.py")
			if err := os.WriteFile(file, f.Content, 0o600); err != nil {
				t.Fatal(err)
			}
			return file
		}
	}
	t.Fatal("no script is installed")
	return ""
}

// run runs the script as the unit does. No secret may be in what it says.
func (s *stage) run() (code int, said string) {
	s.t.Helper()
	file := script(s.t, s.dir)
	if s.change != nil {
		text, err := os.ReadFile(file)
		if changed := s.change(string(text)); err != nil || changed == string(text) {
			s.t.Fatalf("nothing to change: %v", err)
		} else if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(s.t.Context(), s.python, "-I", "-B", file)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, s.env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	said = string(out)
	for _, r := range s.Recorder.All() {
		for _, secret := range []string{r.Header.Get("X-Amz-Security-Token"), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), password, "pa55"} {
			if secret != "" && strings.Contains(said, secret) {
				s.t.Errorf("a secret is in: %s", said)
			}
		}
	}
	return cmd.ProcessState.ExitCode(), said
}

// expect runs the script, and checks its end and that it says something.
func (s *stage) expect(code int, words ...string) string {
	s.t.Helper()
	got, said := s.run()
	if got != code {
		s.t.Fatalf("ended with %d, want %d: %s", got, code, said)
	}
	for _, word := range words {
		if !strings.Contains(said, word) {
			s.t.Errorf("lacks %q: %s", word, said)
		}
	}
	return said
}

// datum is a value that CloudWatch was given.
type datum struct {
	unit  string
	value float64
}

// sent are the values of the last PutMetricData that CloudWatch has taken.
func (s *stage) sent() map[string]datum {
	s.t.Helper()
	all := s.Recorder.Filter(func(r wire.Record) bool { return r.Operation == "PutMetricData" && r.StatusCode == 200 })
	if len(all) == 0 {
		return nil
	}
	params := all[len(all)-1].Params
	if params.Get("Namespace") != "CML/Worker" {
		s.t.Errorf("namespace %q", params.Get("Namespace"))
	}
	out := map[string]datum{}
	for i := 1; params.Has(member(i, "MetricName")); i++ {
		value, err := strconv.ParseFloat(params.Get(member(i, "Value")), 64)
		if err != nil {
			s.t.Error(err)
		}
		out[params.Get(member(i, "MetricName"))] = datum{params.Get(member(i, "Unit")), value}
		s.dimension(params, i)
	}
	return out
}

// dimension checks that there is one, the instance: an alarm that stops an
// instance takes no other.
func (s *stage) dimension(params url.Values, i int) {
	s.t.Helper()
	if params.Get(member(i, "Dimensions.member.1.Name")) != "InstanceId" || params.Get(member(i, "Dimensions.member.1.Value")) != s.id ||
		params.Has(member(i, "Dimensions.member.2.Name")) {
		s.t.Errorf("dimensions of %d: %v", i, params)
	}
}

func member(i int, name string) string { return fmt.Sprintf("MetricData.member.%d.%s", i, name) }

func (s *stage) count(service, operation string) int { return s.Recorder.Count(service, operation) }

// python runs statements in which `p` is the script, and returns what they print.
func python(t *testing.T, interpreter, code string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), interpreter, "-I", "-B", "-W", "error", "-c",
		"import importlib.util as u, sys\ns = u.spec_from_file_location('p', sys.argv[1])\np = u.module_from_spec(s)\ns.loader.exec_module(p)\n"+code, script(t, t.TempDir()))
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, complaints.String())
	}
	return string(out)
}
