package simulator_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const patience = 20 * time.Second // far beyond what any step takes on a busy machine

func start(t *testing.T, options simulator.Options) *simulator.Simulator {
	t.Helper()
	sim, err := simulator.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	return sim
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// ec2 sends a request of the query protocol and returns the body of the answer.
func ec2(t *testing.T, sim *simulator.Simulator, region, action string, params ...string) []byte {
	t.Helper()
	form := url.Values{"Action": {action}, "Version": {"2016-11-15"}}
	for i := 0; i < len(params); i += 2 {
		form.Set(params[i], params[i+1])
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.Endpoint(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=TEST/20260101/"+region+"/ec2/aws4_request, SignedHeaders=host, Signature=0")
	status, body := do(t, request)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", action, status, body)
	}
	return body
}

// insecure is a client with connections of its own, which trusts any certificate.
func insecure() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: patience}
}

func do(t *testing.T, request *http.Request) (int, []byte) {
	t.Helper()
	client := insecure()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}

// launch runs a worker and returns its id.
func launch(t *testing.T, sim *simulator.Simulator, params ...string) string {
	t.Helper()
	var answer struct {
		ID string `xml:"instancesSet>item>instanceId"`
	}
	body := ec2(t, sim, "us-east-1", "RunInstances", append([]string{
		"MinCount", "1", "MaxCount", "1", "InstanceType", "m5zn.metal",
		"ImageId", aws.SeededID("ami", "us-east-1", aws.SerialImage290), "SubnetId", aws.SeededID("subnet", "us-east-1", aws.SerialSubnetA),
	}, params...)...)
	if err := xml.Unmarshal(body, &answer); err != nil || answer.ID == "" {
		t.Fatalf("RunInstances: %v in %s", err, body)
	}
	return answer.ID
}

func running(t *testing.T, sim *simulator.Simulator, id string) aws.Instance {
	t.Helper()
	var i aws.Instance
	eventually(t, "the instance runs and CML is ready", func() bool {
		i, _ = sim.AWS.Region("us-east-1").Instance(id)
		return i.State == "running" && sim.CML.Machine(id).Phase() == cml.Ready
	})
	return i
}

func information(t *testing.T, sim *simulator.Simulator, ip string) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		"https://"+net.JoinHostPort(ip, strconv.Itoa(sim.Port()))+"/api/v0/system_information", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	status, body := do(t, request)
	if status != http.StatusOK {
		t.Fatalf("system_information: %d %s", status, body)
	}
	if err := json.Unmarshal(body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func refused(ip string, port int) bool {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip, strconv.Itoa(port)), patience)
	if err == nil {
		_ = conn.Close()
	}
	return err != nil
}

func TestWorkerComesUpStopsMovesAndEnds(t *testing.T) {
	sim := start(t, simulator.Options{})
	id := launch(t, sim)
	first := running(t, sim, id)
	for _, ip := range []string{first.PublicIP, first.PrivateIP} {
		got := information(t, sim, ip)
		if got["ready"] != true || got["version"] != "2.9.0+build.1" {
			t.Errorf("%s answers %v; the version is that of the image", ip, got)
		}
	}
	region := sim.AWS.Region("us-east-1")
	state := func(want string) {
		t.Helper()
		eventually(t, "the instance is "+want, func() bool { i, _ := region.Instance(id); return i.State == want })
	}
	ec2(t, sim, "us-east-1", "StopInstances", "InstanceId.1", id)
	state("stopped")
	if !refused(first.PublicIP, sim.Port()) || !refused(first.PrivateIP, sim.Port()) {
		t.Error("a stopped instance has a CML that answers")
	}
	ec2(t, sim, "us-east-1", "StartInstances", "InstanceId.1", id)
	second := running(t, sim, id)
	if second.PublicIP == first.PublicIP || second.PrivateIP != first.PrivateIP {
		t.Errorf("addresses went from %s, %s to %s, %s", first.PublicIP, first.PrivateIP, second.PublicIP, second.PrivateIP)
	}
	information(t, sim, second.PublicIP)
	ec2(t, sim, "us-east-1", "TerminateInstances", "InstanceId.1", id)
	state("terminated")
	if !refused(second.PublicIP, sim.Port()) {
		t.Error("a terminated instance has a CML that answers")
	}
	if sim.Recorder.Count("ec2", "RunInstances") != 1 || sim.Recorder.Count("cml", "GET /system_information") != 3 {
		t.Errorf("recorded %v", sim.Recorder.Operations(""))
	}
}

func TestFaultsReachBothHalves(t *testing.T) {
	sim := start(t, simulator.Options{})
	id := launch(t, sim)
	i := running(t, sim, id)
	sim.Faults.Add(
		wire.Rule{Service: "cml", Match: map[string]string{"Target": id}, Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Millisecond)}},
		wire.Rule{Service: "ec2", Operation: "DescribeInstances", Times: 1, Fault: wire.Fault{Kind: wire.Delay, Delay: wire.Duration(time.Millisecond)}},
	)
	information(t, sim, i.PublicIP)
	ec2(t, sim, "us-east-1", "DescribeInstances")
	if n := sim.Faults.Pending(); n != 0 {
		t.Errorf("%d rules were not met", n)
	}
}

func TestVirtualizationFollowsTheType(t *testing.T) {
	sim := start(t, simulator.Options{})
	plain := launch(t, sim, "InstanceType", "c5.2xlarge")
	nested := launch(t, sim, "InstanceType", "m8i.2xlarge", "CpuOptions.NestedVirtualization", "enabled")
	running(t, sim, nested)
	eventually(t, "the plain type answers", func() bool { return sim.CML.Machine(plain).Phase() == cml.NotReady })
	time.Sleep(50 * time.Millisecond) // longer than all phases together
	if phase := sim.CML.Machine(plain).Phase(); phase != cml.NotReady {
		t.Errorf("a type without virtualisation is %s", phase)
	}
}

func TestVersionAndImages(t *testing.T) {
	sim := start(t, simulator.Options{CML: cml.Options{Version: "2.11.0+build.5"}})
	id := launch(t, sim)
	i := running(t, sim, id)
	if got := information(t, sim, i.PublicIP)["version"]; got != "2.11.0+build.5" {
		t.Errorf("version is %v", got)
	}
	ubuntu := launch(t, sim, "ImageId", aws.SeededID("ami", "us-east-1", aws.SerialImageArm), "InstanceType", "m7g.large")
	eventually(t, "the plain image runs", func() bool {
		i, _ := sim.AWS.Region("us-east-1").Instance(ubuntu)
		return i.State == "running"
	})
	time.Sleep(50 * time.Millisecond) // longer than all phases together
	if phase := sim.CML.Machine(ubuntu).Phase(); phase != cml.Refused {
		t.Errorf("CML on an image without CML is %s", phase)
	}
}

func TestUserDataNameTheAdministrator(t *testing.T) {
	sim := start(t, simulator.Options{})
	id := launch(t, sim, "UserData", "I2Nsb3VkLWNvbmZpZwp3cml0ZV9maWxlczoKICAtIHBhdGg6IC9ldGMvdmlybDItYmFzZS1jb25maWcueW1sCiAgICBjb250ZW50OiB8CiAgICAgIGFkbWluczoKICAgICAgICBjb250cm9sbGVyOgogICAgICAgICAgdXNlcm5hbWU6IGpvaG4KICAgICAgICAgIHBhc3N3b3JkOiBjb3JyZWN0IGhvcnNlCg==")
	running(t, sim, id)
	if got := sim.CML.Machine(id).Admin(); got != (cml.Credentials{Username: "john", Password: "correct horse"}) {
		t.Errorf("the administrator is %+v", got)
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "example.net:0", "127.0.0.1"} {
		if sim, err := simulator.Start(t.Context(), simulator.Options{Address: address}); err == nil {
			t.Errorf("%q was listened on", address)
			_ = sim.Close()
		}
	}
	sim := start(t, simulator.Options{Address: "localhost:0"})
	if !strings.HasPrefix(sim.Endpoint(), "http://127.0.0.1:") && !strings.HasPrefix(sim.Endpoint(), "http://[::1]:") {
		t.Errorf("endpoint is %s", sim.Endpoint())
	}
}

func TestCloseReleasesEverything(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	sim, err := simulator.Start(ctx, simulator.Options{Control: true})
	if err != nil {
		t.Fatal(err)
	}
	i := running(t, sim, launch(t, sim))
	address := strings.TrimPrefix(sim.Endpoint(), "http://")
	cancel() // as good as Close
	if err := sim.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sim.Close(); err != nil {
		t.Errorf("the second Close: %v", err)
	}
	if !refused(i.PublicIP, sim.Port()) {
		t.Error("CML still answers")
	}
	again, err := simulator.Start(t.Context(), simulator.Options{Address: address})
	if err != nil {
		t.Fatalf("the port was not released: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	eventually(t, "all goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
	if _, err := simulator.Start(ctx, simulator.Options{}); err == nil {
		t.Error("a simulator started in a context that had ended")
	}
}

func TestTimingPresets(t *testing.T) {
	demo := simulator.Demo()
	start := demo.AWS.Pending + demo.CML.Refused + demo.CML.BadGateway + demo.CML.NotReady
	if start < 8*time.Second || start > 15*time.Second {
		t.Errorf("a start of the demo takes %v", start)
	}
	for _, name := range []string{"quick", "demo"} {
		if _, err := simulator.ParseTiming(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := simulator.ParseTiming("slow"); err == nil {
		t.Error("an unknown preset was taken")
	}
}

func TestElasticAddressMovesCML(t *testing.T) {
	sim := start(t, simulator.Options{})
	id := launch(t, sim)
	before := running(t, sim, id)
	var allocated struct {
		ID string `xml:"allocationId"`
		IP string `xml:"publicIp"`
	}
	if err := xml.Unmarshal(ec2(t, sim, "us-east-1", "AllocateAddress", "Domain", "vpc"), &allocated); err != nil {
		t.Fatal(err)
	}
	ec2(t, sim, "us-east-1", "AssociateAddress", "AllocationId", allocated.ID, "InstanceId", id)
	eventually(t, "CML has moved", func() bool { return !refused(allocated.IP, sim.Port()) })
	information(t, sim, allocated.IP)
	information(t, sim, before.PrivateIP)
	if !refused(before.PublicIP, sim.Port()) {
		t.Error("the address before still answers")
	}
}

func TestConsole(t *testing.T) {
	sim := start(t, simulator.Options{})
	id := launch(t, sim)
	running(t, sim, id)
	sim.CML.Machine(id).Print("hello from inside")
	var console struct {
		Output string `xml:"output"`
	}
	if err := xml.Unmarshal(ec2(t, sim, "us-east-1", "GetConsoleOutput", "InstanceId", id, "Latest", "true"), &console); err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(console.Output)
	if err != nil || !strings.Contains(string(text), "hello from inside") {
		t.Errorf("the console shows %q (%v)", text, err)
	}
}
