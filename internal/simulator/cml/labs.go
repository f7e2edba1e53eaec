package cml

import (
	"errors"
	"time"
)

// Labs and nodes as things; their operations are in labs_api.go (cml-api.md 6).

// States of labs, links and nodes (cml-api.md 6.2).
const (
	StateDefined      = "DEFINED_ON_CORE"
	StateStopped      = "STOPPED"
	StateStarted      = "STARTED"
	StateQueued       = "QUEUED"
	StateBooted       = "BOOTED"
	StateDisconnected = "DISCONNECTED"
)

// Lab describes a lab to add.
type Lab struct {
	Title string `json:"title"`
	// Owner is the user name of its owner. Empty: the built-in administrator.
	Owner string `json:"owner,omitempty"`
	// Nodes are its nodes.
	Nodes []Node `json:"nodes,omitempty"`
	// Running starts the lab with all of its nodes booted; otherwise it is defined only.
	Running bool `json:"running,omitempty"`
	// Stubborn is a lab that does not stop: its nodes stay booted.
	Stubborn bool `json:"stubborn,omitempty"`
}

// Node describes a node of a lab.
type Node struct {
	Label string `json:"label"`
	// Definition is the node definition. Empty: iosv.
	Definition string `json:"definition,omitempty"`
	// CPUs and RAM (MiB) are what it takes. Zero: 1 and 512.
	CPUs int `json:"cpus,omitempty"`
	RAM  int `json:"ram,omitempty"`
}

type lab struct {
	id, title, owner  string
	created, modified time.Time
	state             string
	stubborn          bool
	nodes             []*node
	links             int
	// task counts starts and stops, so that a step of an earlier one is void;
	// moving is set until the last one is done.
	task   int
	moving bool
}

type node struct {
	id, label, definition string
	cpus, ram             int
	state                 string
}

// nodeActive is the reading of "active" in Cisco's client (cml-api.md 6.2).
func (n *node) active() bool {
	return n.state == StateQueued || n.state == StateStarted || n.state == StateBooted || n.state == "STARTING"
}

func (n *node) progress() string {
	switch {
	case n.state == StateBooted:
		return "Booted"
	case n.active():
		return "Booting"
	}
	return "Not running"
}

// active is the number of active nodes.
func (l *lab) active() int {
	count := 0
	for _, n := range l.nodes {
		if n.active() {
			count++
		}
	}
	return count
}

type labs struct {
	all []*lab // in the order of creation
}

func newLabs() labs { return labs{} }

func (l *labs) byID(id string) *lab {
	for _, one := range l.all {
		if one.id == id {
			return one
		}
	}
	return nil
}

func (l *labs) running() int {
	count := 0
	for _, one := range l.all {
		count += one.active()
	}
	return count
}

// use is what the nodes take on one compute host.
type use struct {
	total, running, cpus, memoryKiB int
	nodeIDs                         []string
}

// use counts everything on the controller; other hosts run nothing.
func (l *labs) use(controller bool) use {
	u := use{nodeIDs: []string{}}
	if !controller {
		return u
	}
	for _, one := range l.all {
		for _, n := range one.nodes {
			if n.state == StateDefined {
				continue
			}
			u.total++
			u.nodeIDs = append(u.nodeIDs, n.id)
			if n.active() {
				u.running++
				u.cpus += n.cpus
				u.memoryKiB += n.ram << 10
			}
		}
	}
	return u
}

// halt is what a power cut does to running nodes.
func (l *labs) halt(now time.Time) {
	for _, one := range l.all {
		one.task++
		one.moving = false
		if one.state == StateStarted {
			one.state, one.modified = StateStopped, now
		}
		for _, n := range one.nodes {
			if n.active() {
				n.state = StateStopped
			}
		}
	}
}

// AddLab adds a lab and returns its id.
func (m *Machine) AddLab(l Lab) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	owner := BuiltinAdminID
	if l.Owner != "" {
		user := m.accounts.byName(l.Owner)
		if user == nil {
			return "", errors.New("no such user: " + l.Owner)
		}
		owner = user.id
	}
	now := m.now()
	one := &lab{id: newID(), title: l.Title, owner: owner, created: now, modified: now, state: StateDefined, stubborn: l.Stubborn}
	for _, n := range l.Nodes {
		added := &node{id: newID(), label: n.Label, definition: n.Definition, cpus: n.CPUs, ram: n.RAM, state: StateDefined}
		if added.definition == "" {
			added.definition = "iosv"
		}
		added.cpus = max(added.cpus, 1)
		if added.ram == 0 {
			added.ram = 512
		}
		if l.Running {
			added.state = StateBooted
		}
		one.nodes = append(one.nodes, added)
	}
	one.links = max(len(one.nodes)-1, 0)
	if l.Running {
		one.state = StateStarted
	}
	m.labs.all = append(m.labs.all, one)
	return one.id, nil
}

// RemoveLab deletes a lab as if a user had.
func (m *Machine) RemoveLab(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.labs.remove(id)
}

func (l *labs) remove(id string) {
	for i, one := range l.all {
		if one.id == id {
			one.task++
			l.all = append(l.all[:i:i], l.all[i+1:]...)
			return
		}
	}
}

// SetNodeState forces every node of a lab into a state, whichever string that is.
func (m *Machine) SetNodeState(labID, state string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if one := m.labs.byID(labID); one != nil {
		for _, n := range one.nodes {
			n.state = state
		}
	}
}

// StartLab and StopLab do what a user would do, by that user's name (empty: the
// built-in administrator), telemetry included.
func (m *Machine) StartLab(id, username string) error {
	return m.userDoes(id, username, (*Machine).startLab)
}

// StopLab is the counterpart of StartLab.
func (m *Machine) StopLab(id, username string) error {
	return m.userDoes(id, username, (*Machine).stopLab)
}

func (m *Machine) userDoes(id, username string, do func(*Machine, *lab, *account)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	one, user := m.labs.byID(id), m.accounts.byID(BuiltinAdminID)
	if username != "" {
		user = m.accounts.byName(username)
	}
	if one == nil || user == nil || m.power == nil {
		return errors.New("no such lab or user, or the instance does not run")
	}
	do(m, one, user)
	return nil
}

// RunningNodes is the number of active nodes.
func (m *Machine) RunningNodes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.labs.running()
}

// startLab takes the nodes through QUEUED and STARTED to BOOTED. Call with mu held.
func (m *Machine) startLab(one *lab, by *account) {
	m.event("start_lab", map[string]any{"lab_id": one.id, "user_id": by.id})
	one.state = StateStarted
	m.walk(one, []step{{StateQueued, "queue_node"}, {StateStarted, "start_node"}, {StateBooted, "boot_node"}}, func(n *node) bool {
		return !n.active()
	})
}

// stopLab takes the nodes to STOPPED, and then the lab. Call with mu held.
func (m *Machine) stopLab(one *lab, by *account) {
	m.event("stop_lab", map[string]any{"lab_id": one.id, "user_id": by.id})
	if one.stubborn {
		one.task++
		one.moving = true
		return
	}
	m.walk(one, []step{{"", ""}, {StateStopped, "stop_node"}}, (*node).active)
}

// step is a state that nodes enter and the telemetry category of that; an empty
// state stands for waiting.
type step struct{ state, category string }

// walk takes those nodes of a lab that pick chooses through the steps, the first
// at once. Call with mu held.
func (m *Machine) walk(one *lab, steps []step, pick func(*node) bool) {
	var walkers []*node
	for _, n := range one.nodes {
		if pick(n) {
			walkers = append(walkers, n)
		}
	}
	one.task++
	one.moving = true
	one.modified = m.now()
	task := one.task
	var take func(int)
	take = func(i int) {
		if i == len(steps) {
			one.moving = false
			if one.active() == 0 {
				one.state = StateStopped
			}
			return
		}
		if steps[i].state != "" {
			for _, n := range walkers {
				n.state = steps[i].state
				m.event(steps[i].category, map[string]any{"lab_id": one.id, "node_id": n.id})
			}
		}
		if i == len(steps)-1 {
			take(i + 1)
			return
		}
		m.alarms.after(m.timing.NodeStep, func() {
			m.mu.Lock()
			defer m.mu.Unlock()
			if one.task == task {
				take(i + 1)
			}
		})
	}
	take(0)
}
