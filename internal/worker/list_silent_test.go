package worker

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/list"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
)

// A region that keeps silent fails, however much time others have.
func TestListSilentRegion(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(over) })
	set := clients.New(clients.Options{AWS: awsconf.Options{
		AccessKey: "AKIAIOSFODNN7EXAMPLE", SecretKey: "x", Region: "us-east-1", Version: "test",
		SkipCredentialsValidation: true, SkipRequestingAccountID: true,
		Endpoints: map[awsconf.Service]string{awsconf.EC2: server.URL, awsconf.STS: server.URL},
	}})
	l := listing{worker: &Resource{set: set}, regions: []*fleetRegion{{name: "us-east-1"}}, patience: 20 * time.Millisecond, left: math.MaxInt64}
	var got []list.ListResult
	for result := range l.results(t.Context()) {
		got = append(got, result)
	}
	if len(got) != 1 || !got[0].Diagnostics.HasError() || !strings.Contains(got[0].Diagnostics[0].Detail(), "did not answer within 20ms") {
		t.Errorf("got %+v", got)
	}
}
