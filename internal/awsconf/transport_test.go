package awsconf_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// refusing is an EC2 that answers every request with one error.
func refusing(t *testing.T, status int, code, message string) (url string, requests func() int) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		n++
		mu.Unlock()
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>req</RequestID></Response>`, code, message)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// Capacity and quota are answers: one request, whatever the status. Throttling
// and failures of the service are tried again.
func TestWhatIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message string
		status        int
		limit         int // MaxAttempts of the operation, 0: the provider's
		want          int
	}{
		{"InsufficientInstanceCapacity", "We currently do not have sufficient m8i.2xlarge capacity", 500, 0, 1},
		{"InsufficientInstanceCapacity", "We currently do not have sufficient m8i.2xlarge capacity", 503, 0, 1},
		{"InsufficientHostCapacity", "No host", 500, 0, 1},
		{"Unsupported", "Your requested instance type is not supported in your requested Availability Zone", 500, 0, 1},
		{"VcpuLimitExceeded", "You have requested more vCPU capacity", 500, 0, 1},
		{"VolumeLimitExceeded", "Too many", 503, 0, 1},
		{"InvalidAMIID.NotFound", "No image", 400, 0, 1},
		{"RequestLimitExceeded", "Request limit exceeded.", 503, 0, 2},
		{"Throttling", "Rate exceeded", 400, 0, 2},
		{"InternalError", "An internal error has occurred", 500, 0, 2},
		{"Unavailable", "The service is unavailable", 503, 0, 2},
		{"RequestLimitExceeded", "Request limit exceeded.", 503, 1, 1},
	} {
		for _, mode := range []string{"standard", "adaptive"} {
			t.Run(fmt.Sprintf("%s %d %s", c.code, c.status, mode), func(t *testing.T) {
				t.Parallel()
				url, requests := refusing(t, c.status, c.code, c.message)
				o := at(url, "AKIALABS")
				two := 2
				o.MaxRetries, o.RetryMode = &two, mode
				f := awsconf.New(o)
				cfg, err := f.Config(t.Context(), "us-east-1")
				if err != nil {
					t.Fatal(err)
				}
				client := ec2.NewFromConfig(cfg, func(eo *ec2.Options) { eo.BaseEndpoint = awssdk.String(f.Endpoint(awsconf.EC2)) })
				_, err = client.RunInstances(t.Context(), &ec2.RunInstancesInput{
					MinCount: awssdk.Int32(1), MaxCount: awssdk.Int32(1), InstanceType: types.InstanceTypeM5znMetal,
				}, func(eo *ec2.Options) {
					if c.limit > 0 {
						eo.RetryMaxAttempts = c.limit
					}
				})
				if got := fault.As(fault.FromAWS(err, "")); got == nil || got.Code != c.code {
					t.Errorf("got %v", err)
				}
				if requests() != c.want {
					t.Errorf("%d requests, want %d", requests(), c.want)
				}
			})
		}
	}
}

func TestMaxRetries(t *testing.T) {
	attempts := func(o awsconf.Options) int {
		t.Helper()
		cfg, err := awsconf.New(o).Config(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		return cfg.Retryer().MaxAttempts()
	}
	o := at("http://127.0.0.1:1", "AKIALABS")
	if got := attempts(o); got != 25 {
		t.Errorf("default: %d", got)
	}
	for given, want := range map[int]int{0: 1, 1: 1, 7: 7} {
		o.MaxRetries = &given
		if got := attempts(o); got != want {
			t.Errorf("max_retries = %d: %d attempts, want %d", given, got, want)
		}
	}
	o.MaxRetries = nil
	o.SharedConfigFiles = []string{writeFile(t, "[default]\nmax_attempts = 9\n")}
	if got := attempts(o); got != 9 {
		t.Errorf("max_attempts of the profile: %d", got)
	}
	t.Setenv("AWS_MAX_ATTEMPTS", "4")
	if got := attempts(o); got != 4 {
		t.Errorf("AWS_MAX_ATTEMPTS: %d", got)
	}
}

// noHost is a name that never resolves (RFC 6761), and what the resolver says
// about it.
func noHost(t *testing.T) (string, error) {
	t.Helper()
	const url = "http://sts.us-esat-1.invalid"
	_, err := http.Get(url) //nolint:bodyclose // there is no answer
	if err == nil || !strings.Contains(err.Error(), "no such host") {
		t.Skipf("this machine's resolver does not say that a host is unknown: %v", err)
	}
	return url, err
}

// A name that does not resolve is given up soon.
func TestUnknownHostIsGivenUp(t *testing.T) {
	t.Parallel()
	url, lookup := noHost(t)
	cfg, err := awsconf.New(at(url, "AKIALABS")).Config(t.Context(), "us-east-1")
	if err != nil {
		t.Fatal(err)
	}
	retryer := cfg.Retryer()
	if _, err := retryer.RetryDelay(2, lookup); err != nil {
		t.Errorf("given up after two tries: %v", err)
	}
	if _, err := retryer.RetryDelay(3, lookup); err == nil {
		t.Error("not given up after three tries")
	}
}

// A role that cannot be assumed because there is no such host is not the
// role's fault.
func TestUnknownHostOfSTS(t *testing.T) {
	t.Parallel()
	url, _ := noHost(t)
	one := 1
	o := at(url, "AKIALABS")
	o.MaxRetries, o.AssumeRole = &one, []awsconf.AssumeRole{{RoleARN: role(labs, "operator")}}
	_, err := awsconf.New(o).Config(t.Context(), "")
	wantError(t, err, "endpoints.sts", "no host sts.us-esat-1.invalid")
	if !fault.Is(err, fault.Unreachable) {
		t.Errorf("kind %s", fault.KindOf(err))
	}
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	sim, url := world(t)
	if _, err := awsconf.New(at(url, "AKIALABS")).Identity(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sim.Recorder.All()[0].Header.Get("User-Agent"); !strings.Contains(got, "terraform-provider-cml/1.2.3") {
		t.Errorf("user agent %q", got)
	}
}

func TestCertificates(t *testing.T) {
	sim, _ := world(t)
	server := httptest.NewTLSServer(sim)
	defer server.Close()
	server.Config.ErrorLog = nil
	bundle := writeFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	one := 1
	base := at(server.URL, "AKIALABS")
	base.MaxRetries = &one
	ask := func(change func(*awsconf.Options)) error {
		o := base
		change(&o)
		_, err := awsconf.New(o).Identity(t.Context())
		return err
	}
	if err := ask(func(*awsconf.Options) {}); !fault.Is(err, fault.Unreachable) {
		t.Errorf("an unknown certificate is taken: %v", err)
	}
	if err := ask(func(o *awsconf.Options) { o.Insecure = true }); err != nil {
		t.Errorf("insecure: %v", err)
	}
	if err := ask(func(o *awsconf.Options) { o.CustomCABundle = bundle }); err != nil {
		t.Errorf("custom_ca_bundle: %v", err)
	}
	wantError(t, ask(func(o *awsconf.Options) { o.CustomCABundle = "/nonexistent/ca.pem" }), "custom_ca_bundle", "/nonexistent/ca.pem")
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if err := ask(func(*awsconf.Options) {}); err != nil {
		t.Errorf("AWS_CA_BUNDLE: %v", err)
	}
}

// proxy records which hosts it is asked for, and answers plain requests itself.
func proxy(t *testing.T, handler http.Handler) (url string, hosts func() []string) {
	t.Helper()
	var mu sync.Mutex
	var seen []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Host)
		mu.Unlock()
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
}

func TestProxies(t *testing.T) {
	sim, direct := world(t)
	url, hosts := proxy(t, sim)
	o := at("http://sts.example.test", "AKIALABS")
	o.HTTPProxy = &url
	if _, err := awsconf.New(o).Identity(t.Context()); err != nil || !slices.Contains(hosts(), "sts.example.test") {
		t.Errorf("http_proxy: %v, %v", hosts(), err)
	}
	t.Setenv("HTTP_PROXY", url)
	o.HTTPProxy = nil
	before := len(hosts())
	if _, err := awsconf.New(o).Identity(t.Context()); err != nil || len(hosts()) == before {
		t.Errorf("HTTP_PROXY: %v", err)
	}
	// Neither "" nor no_proxy goes there. The name does not resolve; that is
	// how the test knows.
	none, one := "", 1
	o.MaxRetries = &one
	before = len(hosts())
	for name, change := range map[string]func(*awsconf.Options){
		"empty":    func(o *awsconf.Options) { o.HTTPProxy = &none },
		"no_proxy": func(o *awsconf.Options) { o.NoProxy = "example.test" },
	} {
		other := o
		change(&other)
		if _, err := awsconf.New(other).Identity(t.Context()); !fault.Is(err, fault.Unreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(hosts()) != before {
		t.Errorf("the proxy was asked all the same: %v", hosts())
	}
	o.NoProxy = "127.0.0.1"
	o.Endpoints[awsconf.STS] = direct
	if _, err := awsconf.New(o).Identity(t.Context()); err != nil {
		t.Errorf("loopback: %v", err)
	}
}

// Which host is asked where no endpoint is given: the proxy sees it.
func TestEndpointVariants(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*awsconf.Options)
		want   string
	}{
		"plain":      {func(*awsconf.Options) {}, "sts.us-east-1.amazonaws.com:443"},
		"fips":       {func(o *awsconf.Options) { o.UseFIPSEndpoint = true }, "sts-fips.us-east-1.amazonaws.com:443"},
		"dual stack": {func(o *awsconf.Options) { o.UseDualStackEndpoint = true }, "sts.us-east-1.api.aws:443"},
		"sts_region": {func(o *awsconf.Options) { o.STSRegion = "eu-west-1" }, "sts.eu-west-1.amazonaws.com:443"},
		"china":      {func(o *awsconf.Options) { o.Region = "cn-north-1" }, "sts.cn-north-1.amazonaws.com.cn:443"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, hosts := proxy(t, http.NotFoundHandler())
			one := 1
			o := at("", "AKIALABS")
			o.Endpoints, o.HTTPSProxy, o.MaxRetries = nil, &url, &one
			c.change(&o)
			if _, err := awsconf.New(o).Identity(t.Context()); err == nil {
				t.Error("somebody answered")
			}
			if got := hosts(); len(got) == 0 || got[0] != c.want {
				t.Errorf("asked %v, want %s", got, c.want)
			}
		})
	}
}

// AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_STS and the profile's endpoints are
// followed, and the argument beats them.
func TestEndpointsOfEnvironmentAndProfile(t *testing.T) {
	sim, url := world(t)
	const wrong = "http://127.0.0.1:1"
	one := 1
	ask := func(change func(*awsconf.Options)) error {
		o := at("", "AKIALABS")
		o.Endpoints, o.MaxRetries = nil, &one
		change(&o)
		sim.Recorder.Reset()
		_, err := awsconf.New(o).Identity(t.Context())
		if err == nil && sim.Recorder.Count("sts", "GetCallerIdentity") != 1 {
			t.Error("STS was not asked here")
		}
		return err
	}
	profile := func(o *awsconf.Options) {
		o.Profile = "dev"
		o.SharedConfigFiles = []string{writeFile(t, "[profile dev]\nservices = local\n\n[services local]\nsts =\n  endpoint_url = "+url+"\n")}
	}
	if err := ask(profile); err != nil {
		t.Errorf("services of the profile: %v", err)
	}
	argument := func(o *awsconf.Options) { o.Endpoints = map[awsconf.Service]string{awsconf.STS: url} }

	t.Setenv("AWS_ENDPOINT_URL", url)
	if err := ask(func(*awsconf.Options) {}); err != nil {
		t.Errorf("AWS_ENDPOINT_URL: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL", wrong)
	if err := ask(argument); err != nil {
		t.Errorf("the argument does not beat AWS_ENDPOINT_URL: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", url)
	if err := ask(func(*awsconf.Options) {}); err != nil {
		t.Errorf("AWS_ENDPOINT_URL_STS: %v", err)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", wrong)
	if err := ask(argument); err != nil {
		t.Errorf("the argument does not beat AWS_ENDPOINT_URL_STS: %v", err)
	}
	if err := ask(func(o *awsconf.Options) {
		argument(o)
		o.AssumeRole = []awsconf.AssumeRole{{RoleARN: role(labs, "cml-admin")}}
	}); err != nil {
		t.Errorf("AssumeRole does not use the argument: %v", err)
	}
}

// Credentials and region of an instance, from its metadata service.
func TestInstanceMetadata(t *testing.T) {
	_, url := world(t)
	metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers := map[string]string{
			"/latest/api/token":                                    "token",
			"/latest/meta-data/iam/security-credentials/":          "worker",
			"/latest/meta-data/iam/security-credentials-extended/": "worker",
			"/latest/dynamic/instance-identity/document":           `{"region":"us-west-2","accountId":"` + labs + `"}`,
		}
		body, ok := answers[r.URL.Path]
		if strings.HasPrefix(r.URL.Path, "/latest/meta-data/iam/security-credentials") && strings.HasSuffix(r.URL.Path, "/worker") {
			body, ok = `{"Code":"Success","AccessKeyId":"AKIALABS","SecretAccessKey":"labs-secret","Token":"","Expiration":"2099-01-01T00:00:00Z"}`, true
		}
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "600")
		_, _ = fmt.Fprint(w, body)
	}))
	defer metadata.Close()
	// aws-sdk-go-base sets it in the process; the test puts it back.
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	ask := false
	o := at(url, "")
	o.SecretKey, o.Region, o.EC2MetadataServiceEndpoint, o.SkipMetadataAPICheck = "", "", metadata.URL, &ask
	f := awsconf.New(o)
	region, err := f.Region(t.Context())
	if err != nil || region != "us-west-2" {
		t.Fatalf("region %q, %v", region, err)
	}
	if id, err := f.Identity(t.Context()); err != nil || id.AccountID != labs {
		t.Errorf("%+v, %v", id, err)
	}
	skip := true
	o.SkipMetadataAPICheck, o.Region = &skip, "us-east-1"
	_, err = awsconf.New(o).Identity(t.Context())
	wantError(t, err, "access_key, secret_key, profile", "No AWS credentials were found")
}
