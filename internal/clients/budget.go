package clients

import "sync"

// ProbeLimit is how many probes of one subnet may end without a connection
// before the others of the run are left out.
const ProbeLimit = 3

// ProbeBudget keeps a refresh short where there is no route to CML: after
// ProbeLimit connect time-outs in one subnet, the rest of that run is not
// probed and shown as unknown. It is safe for concurrent use.
type ProbeBudget struct {
	mu       sync.Mutex
	timeouts map[string]int
}

func newProbeBudget() *ProbeBudget { return &ProbeBudget{timeouts: map[string]int{}} }

// Allow reports whether a worker of the subnet may still be probed.
func (b *ProbeBudget) Allow(subnetID string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.timeouts[subnetID] < ProbeLimit
}

// TimedOut records a probe of the subnet that got no connection in its time.
func (b *ProbeBudget) TimedOut(subnetID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timeouts[subnetID]++
}
