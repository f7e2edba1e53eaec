package awsconf_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/middleware"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
)

// hasty answers before it has read the request, as a server nearby may.
type hasty struct{ bodies []io.Reader }

func (h *hasty) Do(r *http.Request) (*http.Response, error) {
	h.bodies = append(h.bodies, r.Body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Request: r,
		Body: io.NopCloser(strings.NewReader("<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>")),
	}, nil
}

// net/http copies a body that the SDK has closed already, and an error then
// costs the connection and the answer on it.
func TestClosedBodyEnds(t *testing.T) {
	t.Parallel()
	_, url := world(t)
	ours, err := awsconf.New(at(url, "AKIALABS")).Config(t.Context(), "us-west-2")
	if err != nil {
		t.Fatal(err)
	}
	// Of a configuration made elsewhere, given twice.
	other := awssdk.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIALABS", "x", ""),
		APIOptions: []func(*middleware.Stack) error{awsconf.PlainBodies, awsconf.PlainBodies}}
	for name, cfg := range map[string]awssdk.Config{"factory": ours, "other": other} {
		server := &hasty{}
		cfg.HTTPClient = server
		if _, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(server.bodies) != 1 {
			t.Fatalf("%s: %d requests", name, len(server.bodies))
		}
		if _, err := io.Copy(io.Discard, server.bodies[0]); err != nil {
			t.Errorf("%s: a closed body ends with %v", name, err)
		}
	}
}
