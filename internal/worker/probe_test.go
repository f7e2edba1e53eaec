package worker_test

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cml-infra/terraform-provider-cml/internal/acctest"
	"github.com/cml-infra/terraform-provider-cml/internal/acctest/protocol"
	"github.com/cml-infra/terraform-provider-cml/internal/clients"
	"github.com/cml-infra/terraform-provider-cml/internal/provider"
)

// unreachable lets no connection to CML come about and counts the tries.
func unreachable(tries *atomic.Int32) protocol.Option {
	return func(d *provider.Dependencies) {
		d.Dial = func(_ context.Context, network, _ string) (net.Conn, error) {
			tries.Add(1)
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.ErrDeadlineExceeded}
		}
	}
}

// Where no route leads to CML, a refresh asks a subnet three times and then
// shows the rest as unknown. The other subnet has three tries of its own.
func TestUnreachableWorkersAreProbedThreeTimes(t *testing.T) {
	t.Parallel()
	w := acctest.NewWorld(t)
	maker := serve(t, w, nil)
	a := maker.Create(maker.Config(with(object{"name": "a"})))
	b := maker.Create(maker.Config(with(object{"name": "b", "subnet_ids": []any{subnetB}})))

	var tries atomic.Int32
	worker := protocol.Serve(t, w, nil, unreachable(&tries)).Resource("cml_worker")
	read := func(k protocol.Kept) {
		t.Helper()
		out, diags := worker.Read(k)
		worker.Good(diags)
		if got := protocol.Text(t, out.State, "service_status"); got != "unknown" {
			t.Errorf("service_status is %q", got)
		}
	}
	for range 2 * clients.ProbeLimit {
		read(a)
	}
	if n := tries.Load(); n != clients.ProbeLimit {
		t.Errorf("%d tries in the first subnet, wanted %d", n, clients.ProbeLimit)
	}
	read(b)
	if n := tries.Load(); n != clients.ProbeLimit+1 {
		t.Errorf("%d tries, wanted one of the second subnet", n)
	}
}

// Many refreshes at parallelism 10: whatever runs when the third try fails is
// all that is tried, so that they take as long as two rounds of tries at most,
// each of them limited to three seconds.
func TestUnreachableWorkersInParallel(t *testing.T) {
	t.Parallel()
	const workers, parallelism = 60, 10
	w := acctest.NewWorld(t)
	maker := serve(t, w, nil)
	kept := maker.Create(maker.Config(with(nil)))

	var tries atomic.Int32
	worker := protocol.Serve(t, w, nil, unreachable(&tries)).Resource("cml_worker")
	var all sync.WaitGroup
	turns := make(chan struct{}, parallelism)
	for range workers {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			if _, diags := worker.Read(kept); protocol.Has(diags, protocol.Failure, "") {
				t.Error(protocol.Show(diags))
			}
		})
	}
	all.Wait()
	if n := tries.Load(); n < clients.ProbeLimit || n > clients.ProbeLimit-1+parallelism {
		t.Errorf("%d tries for %d workers, wanted at most %d", n, workers, clients.ProbeLimit-1+parallelism)
	}
}
