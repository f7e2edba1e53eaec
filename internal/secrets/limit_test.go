package secrets

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// A service that never answers holds nobody up for ever.
func TestNoAnswer(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Target") == "" { // STS
			_, _ = w.Write([]byte(`<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/x</Arn><UserId>x</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`))
			return
		}
		<-done
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(done) })
	s := New(awsconf.New(awsconf.Options{
		Region: "us-east-1", AccessKey: "AKIALABS", SecretKey: "x",
		Endpoints: map[awsconf.Service]string{awsconf.STS: server.URL, awsconf.SecretsManager: server.URL},
	}))
	s.limit = 50 * time.Millisecond
	_, err := s.Credentials(t.Context(), controller.Ref{SecretsManagerSecretID: "cml/lab"}, "us-east-1", "admin")
	if !fault.Is(err, fault.Timeout) || !strings.Contains(err.Error(), `"cml/lab"`) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
}
