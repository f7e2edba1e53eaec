package simulator

import (
	"net/http"
	"time"

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
