package simulator

import (
	"net/http"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// worldTime is the time of the simulated world, and how far it is ahead of real time.
type worldTime struct {
	Now    time.Time `json:"now"`
	Offset string    `json:"offset"`
}

func (s *Simulator) time() worldTime {
	return worldTime{Now: s.Now().UTC(), Offset: s.clock.Offset().String()}
}

func (s *Simulator) postTime(r *http.Request) (any, error) {
	var change struct {
		Advance wire.Duration `json:"advance"`
	}
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	if err := s.Advance(time.Duration(change.Advance)); err != nil {
		return nil, err
	}
	return s.time(), nil
}

// setMetrics sets what the data points of an instance's metrics show.
func setMetrics(r *http.Request, region *aws.Region, id string) error {
	var values map[string]*float64
	if err := readJSON(r, &values); err != nil {
		return err
	}
	for name, value := range values {
		if value == nil {
			region.StopMetric(id, name)
			continue
		}
		region.SetMetric(id, name, *value)
	}
	return nil
}
