package simulator

import (
	"net"
	"strconv"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/aws"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
)

// State is what GET /_simulator/state answers.
type State struct {
	Endpoint  string             `json:"endpoint"`
	CMLPort   int                `json:"cml_port"`
	Instances []InstanceState    `json:"instances"`
	Licences  []cml.Registration `json:"licences"`
}

// InstanceState is an instance that has booted once, and the CML in it.
type InstanceState struct {
	ID         string            `json:"id"`
	AccountID  string            `json:"account_id"`
	Region     string            `json:"region"`
	State      string            `json:"state"`
	Type       string            `json:"type"`
	ImageID    string            `json:"image_id"`
	PublicIP   string            `json:"public_ip,omitempty"`
	PrivateIP  string            `json:"private_ip,omitempty"`
	LaunchTime time.Time         `json:"launch_time"`
	Tags       map[string]string `json:"tags"`
	CML        MachineState      `json:"cml"`
}

// MachineState is the CML of an instance.
type MachineState struct {
	Phase        cml.Phase   `json:"phase"`
	Version      string      `json:"version"`
	URLs         []string    `json:"urls"`
	Fingerprint  string      `json:"fingerprint"`
	Admin        string      `json:"admin"`
	License      cml.License `json:"license"`
	RunningNodes int         `json:"running_nodes"`
	Maintenance  bool        `json:"maintenance"`
	Error        string      `json:"error,omitempty"`
}

// State tells what there is. Instances that are no longer described by EC2 are left out.
func (s *Simulator) State() State {
	out := State{Endpoint: s.Endpoint(), CMLPort: s.Port(), Instances: []InstanceState{}, Licences: s.CML.SSMS().Registrations()}
	for _, m := range s.CML.Machines() {
		where, known := s.guest.place(m.ID())
		if !known {
			continue
		}
		if i, exists := s.AWS.RegionOf(where.account, where.region).Instance(m.ID()); exists {
			out.Instances = append(out.Instances, s.instanceState(where, i, m))
		}
	}
	return out
}

func (s *Simulator) instanceState(where place, i aws.Instance, m *cml.Machine) InstanceState {
	state := InstanceState{
		ID: i.ID, AccountID: where.account, Region: where.region, State: i.State, Type: i.Type, ImageID: i.ImageID,
		PublicIP: i.PublicIP, PrivateIP: i.PrivateIP, LaunchTime: i.LaunchTime, Tags: i.Tags,
		CML: MachineState{
			Phase: m.Phase(), Version: m.Version(), URLs: []string{}, Fingerprint: m.Fingerprint(), Admin: m.Admin().Username,
			License: m.License(), RunningNodes: m.RunningNodes(), Maintenance: m.InMaintenance(),
		},
	}
	for _, address := range m.Addresses() {
		state.CML.URLs = append(state.CML.URLs, "https://"+net.JoinHostPort(address, strconv.Itoa(s.Port())))
	}
	if err := m.NetworkError(); err != nil {
		state.CML.Error = err.Error()
	}
	return state
}
