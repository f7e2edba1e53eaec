package quotas_test

import (
	"net/http/httptest"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/quotas"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

const (
	home    = "us-east-1"
	account = "111122223333"
)

func world(t *testing.T) (*aws.Simulator, *quotas.Client) {
	t.Helper()
	sim, err := aws.New(aws.Options{Accounts: []aws.Account{{ID: account, Keys: []aws.Key{{AccessKeyID: "AKIALABS"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim)
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	cfg := sdk.Config{Region: home, Credentials: credentials.NewStaticCredentialsProvider("AKIALABS", "x", "")}
	return sim, quotas.NewFromConfig(cfg, server.URL)
}

func TestValue(t *testing.T) {
	t.Parallel()
	sim, client := world(t)
	sim.RegionOf(account, home).SetQuota(aws.QuotaStandardVCPUs, 24)
	got, err := client.EC2(t.Context(), aws.QuotaStandardVCPUs)
	if err != nil || got != 24 {
		t.Errorf("%v, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	sim, client := world(t)
	if _, err := client.EC2(t.Context(), "L-0"); err == nil || fault.As(err).Code != "NoSuchResourceException" {
		t.Errorf("an unknown quota: %v", err)
	}
	sim.Faults.Add(wire.Rule{Service: "servicequotas", Fault: wire.Fault{Kind: wire.Error, Code: "ServiceException", Status: 500, Message: "no"}})
	sim.Recorder.Reset()
	if _, err := client.EC2(t.Context(), aws.QuotaStandardVCPUs); !fault.Is(err, fault.Server) {
		t.Errorf("a broken service: %v", err)
	}
	if n := sim.Recorder.Count("servicequotas", "GetServiceQuota"); n != 3 {
		t.Errorf("asked %d times, want 3", n)
	}
}

func TestMissingPermission(t *testing.T) {
	t.Parallel()
	sim, client := world(t)
	sim.Deny(account, "servicequotas:GetServiceQuota")
	_, err := client.EC2(t.Context(), aws.QuotaStandardVCPUs)
	if !fault.Is(err, fault.PermissionDenied) || fault.As(err).MissingAction != "servicequotas:GetServiceQuota" {
		t.Errorf("%v", err)
	}
}

func TestPoolsOfFamilies(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][2]string{
		"m8i.2xlarge": {"L-1216C47A", "L-34B43A08"}, "m5zn.metal": {"L-1216C47A", "L-34B43A08"}, "i4i.metal": {"L-1216C47A", "L-34B43A08"},
		"im4gn.large": {"L-1216C47A", "L-34B43A08"}, "c8i-flex.large": {"L-1216C47A", "L-34B43A08"}, "x2idn.metal": {"L-7295265B", "L-E3A00192"},
		"g4dn.metal": {"L-DB2E81BA", "L-3819A6DF"}, "u-6tb1.metal": {"L-43DA4232", ""},
		"mac1.metal": {}, "hpc7a.96xlarge": {}, "dl1.24xlarge": {}, "": {},
	} {
		onDemand, text := quotas.VCPUs(name, false)
		spot, _ := quotas.VCPUs(name, true)
		if onDemand != want[0] || spot != want[1] || (text == "") != (onDemand == "") {
			t.Errorf("%s: %q %q %q", name, onDemand, spot, text)
		}
	}
}
