package aws

import (
	"slices"
	"strings"
)

// assumable tells whether a service may assume a role of the account. A try that comes before
// IAM has told everybody of a new role is counted off.
func (a *account) assumable(arn, service string) bool {
	if !strings.HasPrefix(arn, "arn:aws:iam::"+a.id+":role/") {
		return false
	}
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	if a.hiddenRoles[name] > 0 {
		a.hiddenRoles[name]--
		return false
	}
	return slices.Contains(a.roles[name].Services, service)
}

// AddRole adds a role, or replaces it. The first tries of a service to assume it fail, as
// happens right after the creation of a role.
func (s *Simulator) AddRole(accountID string, role Role, hiddenTries int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[accountID]
	a.roles[role.Name] = role
	if a.hiddenRoles == nil {
		a.hiddenRoles = map[string]int{}
	}
	a.hiddenRoles[role.Name] = hiddenTries
}

// ScheduleRuns are the tries of a schedule to call its target, in order. A schedule that does
// not exist has none.
func (r *Region) ScheduleRuns(group, name string) []ScheduleRun {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	if s := r.schedules[group+"/"+name]; s != nil {
		return slices.Clone(s.runs)
	}
	return nil
}

// DeadLetters are the ARNs of the queues that got an event of a schedule which failed for
// good, one for each event.
func (r *Region) DeadLetters() []string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	return slices.Clone(r.deadLetters)
}

// SetScheduleQuota limits the number of schedules.
func (r *Region) SetScheduleQuota(n int) {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	r.quotaOfSchedules = &n
}

func (r *Region) scheduleQuota() int {
	if r.quotaOfSchedules != nil {
		return *r.quotaOfSchedules
	}
	return defaultScheduleQuota
}
