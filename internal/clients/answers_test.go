package clients_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/awsconf"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// A question is asked once a run, whoever asks, and whatever the answer.
func TestAnswersAreKept(t *testing.T) {
	t.Parallel()
	set := clients.New(clients.Options{})
	lost := fault.New(fault.Unreachable, "no route")
	for key, err := range map[string]error{"good": nil, "bad": lost} {
		var asked atomic.Int32
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				got, gotErr := clients.Ask(t.Context(), set, key, func(context.Context) (int, error) {
					asked.Add(1)
					return 7, err
				})
				if got != 7 || !errors.Is(gotErr, err) {
					t.Errorf("%s: %d, %v", key, got, gotErr)
				}
			})
		}
		all.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("%s was asked %d times", key, n)
		}
	}
}

// A question that its asker gave up is asked again by the next one.
func TestAbandonedQuestionIsNoAnswer(t *testing.T) {
	t.Parallel()
	set := clients.New(clients.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	question := func(ctx context.Context) (int, error) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("the question has no limit")
		}
		cancel() // the asker leaves; a second one has a context of its own
		return 1, context.Cause(ctx)
	}
	if _, err := clients.Ask(ctx, set, "x", question); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got, err := clients.Ask(t.Context(), set, "x", question); got != 1 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

// Quotas of AWS say nothing about a server that stands in for EC2.
func TestQuotasGoWithTheEndpointOfEC2(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		endpoints map[awsconf.Service]string
		want      bool
	}{
		"AWS":           {nil, true},
		"EC2 elsewhere": {map[awsconf.Service]string{awsconf.EC2: "http://127.0.0.1:1"}, false},
		"both":          {map[awsconf.Service]string{awsconf.EC2: "http://127.0.0.1:1", awsconf.ServiceQuotas: "http://127.0.0.1:1"}, true},
	} {
		set := clients.New(clients.Options{AWS: awsconf.Options{AccessKey: "a", SecretKey: "b", Region: "us-east-1", Endpoints: c.endpoints}})
		client, err := set.Quotas(t.Context(), "us-east-1")
		if err != nil || (client != nil) != c.want {
			t.Errorf("%s: %v, %v", name, client, err)
		}
	}
}
