package picture

import (
	"hash/fnv"
	"math"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/dashboard"
)

// Dashboard draws the dashboard of three made-up workers over a day.
func Dashboard() ([]byte, error) {
	text, err := dashboard.Body(dashboard.Options{
		Title: "Labs of the network academy", Region: "us-east-1", Groups: dashboard.Groups(),
		Period: 5 * time.Minute, Lookback: 24 * time.Hour, IdleThreshold: 30 * time.Minute, Currency: "USD",
	}, workers)
	if err != nil {
		return nil, err
	}
	return Draw(text, "A CloudWatch dashboard of three CML workers",
		"Thirteen graphs over one day: processor, idle time with the threshold of 30 minutes, running nodes, started labs, memory, disk, network, EBS, failed status checks and cost per hour. "+
			"The lines of a worker end where it was idle for 30 minutes and was stopped, and go on where it was started again.", sample)
}

var workers = []dashboard.Worker{
	{ID: "i-0a1c5e7f9b2d4f601", Name: "class-01", Type: "m8i.4xlarge", Volumes: []string{"vol-0a1c5e7f9b2d4f601"}, Cost: &dashboard.Cost{Running: 0.863, Stopped: 0.011}},
	{ID: "i-0b2d6f8a1c3e5a702", Name: "ci-runner", Type: "m8i.2xlarge", Volumes: []string{"vol-0b2d6f8a1c3e5a702"}, Cost: &dashboard.Cost{Running: 0.439, Stopped: 0.011}},
	{ID: "i-0c3e7a9b2d4f6b803", Name: "long-test", Type: "m5zn.metal", BareMetal: true, Volumes: []string{"vol-0c3e7a9b2d4f6b803"}, Cost: &dashboard.Cost{Running: 4.024, Stopped: 0.055}},
}

// day is what a worker does, by hours since the left edge.
type day struct {
	// on are the times in which it runs.
	on [][2]float64
	// busy are the times with nodes, their number, and the load that they make.
	busy []spell
	// memory and disk are percentages without nodes.
	memory, disk float64
}

type spell struct{ from, to, nodes, labs, load float64 }

// Each worker stops where nobody has used it for half an hour.
var days = map[string]day{
	"class-01": {on: [][2]float64{{0, 2.25}, {13.25, 23}}, busy: []spell{{0, 1.75, 12, 3, 30}, {13.5, 17.5, 36, 9, 62}, {17.75, 22.5, 44, 11, 74}}, memory: 14, disk: 41},
	"ci-runner": {on: [][2]float64{{1.75, 3.25}, {5.75, 10.5}, {14.5, 16.5}, {20.25, 22.25}},
		busy: []spell{{2, 2.75, 8, 1, 55}, {6, 10, 16, 2, 88}, {14.75, 16, 10, 1, 60}, {20.5, 21.75, 10, 1, 58}}, memory: 12, disk: 63},
	"long-test": {on: [][2]float64{{8.5, 25}}, busy: []spell{{8.75, 25, 60, 1, 47}}, memory: 6, disk: 22},
}

func sample(_, name, id string) []float64 {
	out := make([]float64, Points)
	for i := range out {
		out[i] = math.NaN()
		for _, w := range workers {
			if w.ID == id || w.Volumes[0] == id {
				out[i] = days[w.Name].at(name, i)
			}
		}
	}
	return out
}

// at is the value of a metric at point i.
func (d day) at(name string, i int) float64 {
	hour := float64(i) * Step / 60
	started := math.NaN()
	for _, on := range d.on {
		if hour >= on[0] && hour <= on[1] {
			started = on[0]
		}
	}
	if math.IsNaN(started) {
		return math.NaN()
	}
	var now spell
	quiet := (hour - started) * 60
	for _, s := range d.busy {
		switch {
		case hour >= s.from && hour < s.to:
			now, quiet = s, 0
		case hour >= s.to:
			quiet = min(quiet, (hour-s.to)*60)
		}
	}
	rough := noise(name, i)
	switch name {
	case "CPUUtilization":
		return math.Round(min(99, 2+now.load*(0.82+0.3*rough)+3*rough))
	case "IdleSeconds":
		return 60 * quiet
	case "RunningNodes":
		return now.nodes
	case "LabsStarted":
		return now.labs
	case "MemoryPercent":
		return d.memory + 0.8*now.load + 2*rough
	case "DiskPercent":
		return d.disk + 0.12*(hour-started) + now.nodes/30
	case "NetworkIn":
		return 300 * (2e4 + now.nodes*1.6e4*(0.7+0.6*rough))
	case "NetworkOut":
		return 300 * (3e4 + now.nodes*2.3e4*(0.6+0.8*rough))
	case "EBSReadBytes", "VolumeReadBytes":
		return 300 * (4e4 + now.load*2.5e4*rough*rough)
	case "EBSWriteBytes", "VolumeWriteBytes":
		return 300 * (2e5 + now.load*6e4*(0.5+rough))
	case "EBSReadOps", "VolumeReadOps":
		return 300 * (2 + now.load*1.2*rough*rough)
	case "EBSWriteOps", "VolumeWriteOps":
		return 300 * (9 + now.load*2.4*(0.5+rough))
	case "StatusCheckFailed":
		return 0
	}
	return math.NaN()
}

// noise is between 0 and 1, and always the same.
func noise(name string, i int) float64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes all
	n := h.Sum32()*2654435761 + uint32(i)*40503
	n ^= n >> 15
	n *= 2246822519
	n ^= n >> 13
	return float64(n%1000) / 999
}
