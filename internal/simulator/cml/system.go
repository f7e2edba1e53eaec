package cml

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Readiness, health and load: cml-api.md 3 and 4.

// Health is what a test may change about a machine's health.
type Health struct {
	// Valid overrides the overall verdict of system_health; nil leaves it to the parts.
	Valid *bool
	// Compute and Controller set flags by their JSON names; a nil pointer shows null.
	Compute    map[string]*bool
	Controller map[string]*bool
}

// Load is what system_stats shows of a machine's use.
type Load struct {
	// CPUPercent is between 0 and 100.
	CPUPercent float64
	// MemoryUsed, DiskUsed and DiskTotal are bytes.
	MemoryUsed, DiskUsed, DiskTotal int64
	// Orphans are running domains that belong to no lab.
	Orphans int
}

// overrides is what tests forced upon the machine.
type overrides struct {
	health Health
	oui    *string
}

type hardware struct {
	cpus   int
	memory int64
	load   Load
}

const gibi = int64(1) << 30

func defaultHardware() hardware {
	return hardware{cpus: 8, memory: 32 * gibi, load: Load{
		CPUPercent: 1.25, MemoryUsed: 4 * gibi, DiskUsed: 20 * gibi, DiskTotal: 100 * gibi,
	}}
}

func (h *hardware) fit(b Boot) {
	if b.CPUs > 0 {
		h.cpus = b.CPUs
	}
	if b.Memory > 0 {
		h.memory = b.Memory
	}
}

// compute is a host that runs nodes; the first one is the controller itself.
type compute struct {
	id, hostname string
	controller   bool
	// state is what an administrator chose: ONLINE drains, READY serves.
	state string
}

func newCompute(name string, controller bool) *compute {
	return &compute{id: newID(), hostname: name, controller: controller, state: "READY"}
}

// canStartNodes is what "ready" means (cml-api.md 3). Call with mu held.
func (m *Machine) canStartNodes() bool {
	if m.noKVM {
		return false
	}
	for _, host := range m.computes {
		if host.state == "READY" {
			return true
		}
	}
	return false
}

// backEnd reports whether the application behind the API has come up, whether or
// not it has a host that can start nodes. Call with mu held.
func (m *Machine) backEnd() bool {
	if m.held != "" {
		return m.held == Ready
	}
	return m.phase == Ready
}

// admissionState is what is shown of a host. Call with mu held.
func (m *Machine) admissionState(host *compute) string {
	if host.state == "READY" && (m.noKVM || !m.backEnd()) {
		return "REGISTERED"
	}
	return host.state
}

func (c *call) getSystemInformation() (reply, *apiError) {
	oui := any("52:54:00:00:00:00")
	if c.overrides.oui != nil {
		oui = *c.overrides.oui
	}
	body := map[string]any{
		"version": c.release.text, "ready": c.visible() == Ready,
		"allow_ssh_pubkey_auth": false, "oui": oui,
	}
	if c.release.from(10) {
		body["timeout"] = 10
		body["features"] = []string{}
	}
	return ok(body), nil
}

func (c *call) getSystemHealth() (reply, *apiError) {
	up := c.backEnd()
	forced := c.overrides.health
	valid := up && !c.noKVM
	computes := map[string]any{}
	for _, host := range c.computes {
		flags := c.computeHealth(host, up)
		for name, value := range forced.Compute {
			flags[name] = value
			valid = valid && value != nil && *value
		}
		computes[host.id] = flags
	}
	controller := map[string]any{"core_connected": up, "nodes_loaded": up, "images_loaded": up, "valid": up}
	if c.release.from(10) {
		for _, service := range []string{"airhandler", "dispatcher", "ipsnooper", "pcapdemux"} {
			controller[service] = up
		}
	}
	for name, value := range forced.Controller {
		controller[name] = value
		valid = valid && value != nil && *value
	}
	if forced.Valid != nil {
		valid = *forced.Valid
	}
	body := map[string]any{
		"valid": valid, "is_licensed": c.isLicensed(), "is_enterprise": c.licence.isEnterprise(),
		"computes": computes, "controller": controller,
	}
	if !c.user.admin && !c.switches.FullHealthForUsers {
		body["valid"], body["is_licensed"] = nil, nil
	}
	return ok(body), nil
}

func (m *Machine) computeHealth(host *compute, up bool) map[string]any {
	flags := map[string]any{
		"hostname": host.hostname, "is_controller": host.controller, "admission_state": m.admissionState(host),
		"kvm_vmx_enabled": !m.noKVM, "enough_cpus": true, "lld_connected": up, "lld_synced": up,
		"libvirt": true, "fabric": up, "device_mux": up, "refplat_images_available": true,
		"docker_shim": up, "valid": up && !m.noKVM,
	}
	if m.release.from(10) {
		flags["cpu_overload"], flags["memory_overload"], flags["disk_overload"] = false, false, false
	}
	return flags
}

// amount is a number of bytes. Up to 2.9 such numbers have a fractional part, later not (cml-api.md 4.2).
func (c *call) amount(n int64) json.RawMessage {
	text := strconv.FormatInt(n, 10)
	if c.release.before(10) {
		text += ".0"
	}
	return json.RawMessage(text)
}

func (c *call) room(used, total int64) map[string]any {
	return map[string]any{"used": c.amount(used), "free": c.amount(total - used), "total": c.amount(total)}
}

func (c *call) getSystemStats() (reply, *apiError) {
	hw := c.hardware
	disk := c.room(hw.load.DiskUsed, hw.load.DiskTotal)
	hosts := int64(len(c.computes))
	computes := map[string]any{}
	for i, host := range c.computes {
		use := c.labs.use(i == 0)
		stats := map[string]any{
			"cpu": map[string]any{
				"count": hw.cpus, "percent": hw.load.CPUPercent, "model": "Intel(R) Xeon(R) Platinum 8375C CPU @ 2.90GHz",
				"hyperthreading": true, "predicted": use.cpus, "load": []float64{0.4, 0.3, 0.2},
			},
			"memory": c.room(hw.load.MemoryUsed, hw.memory),
			"disk":   disk,
			"dominfo": map[string]any{
				"total_nodes": use.total, "total_orphans": hw.load.Orphans,
				"running_nodes": use.running, "running_orphans": hw.load.Orphans,
				"allocated_cpus": use.cpus, "allocated_memory": use.memoryKiB,
			},
		}
		computes[host.id] = map[string]any{"hostname": host.hostname, "is_controller": host.controller, "stats": stats}
	}
	return ok(map[string]any{
		"computes": computes,
		"all": map[string]any{
			"cpu":    map[string]any{"count": hw.cpus * len(c.computes), "percent": hw.load.CPUPercent},
			"memory": c.room(hw.load.MemoryUsed*hosts, hw.memory*hosts),
			"disk":   c.room(hw.load.DiskUsed*hosts, hw.load.DiskTotal*hosts),
		},
		"controller": map[string]any{"disk": disk},
	}), nil
}

func (c *call) getComputeHosts() (reply, *apiError) {
	hosts := []any{}
	for i, host := range c.computes {
		use := c.labs.use(i == 0)
		up := c.backEnd()
		body := map[string]any{
			"id": host.id, "server_address": "fd00::" + strconv.Itoa(i+1), "hostname": host.hostname,
			"is_simulator": true, "is_connector": host.controller, "admission_state": c.admissionState(host),
			"is_connected": up, "is_synced": up,
		}
		if c.release.before(10) {
			body["nodes"] = use.nodeIDs
		}
		if c.release.from(9) {
			body["node_counts"] = map[string]any{
				"total_nodes": use.total, "total_orphans": c.hardware.load.Orphans,
				"running_nodes": use.running, "running_orphans": c.hardware.load.Orphans,
			}
		}
		hosts = append(hosts, body)
	}
	return ok(hosts), nil
}

func (c *call) patchComputeHost() (reply, *apiError) {
	body, err := c.object(map[string]schema{"admission_state": {
		kind: stringKind, values: []string{"UNREGISTERED", "REGISTERED", "ONLINE", "READY"},
	}})
	if err != nil {
		return reply{}, err
	}
	for _, host := range c.computes {
		if host.id != c.params["compute_id"] {
			continue
		}
		state := body["admission_state"].(string)
		if state != "ONLINE" && state != "READY" {
			return reply{}, failure(http.StatusConflict, "Compute host state transition from %s to %s is not supported.", host.state, state)
		}
		host.state = state
		return ok(map[string]any{"admission_state": state}), nil
	}
	return reply{}, failure(http.StatusNotFound, "Compute host not found: %s", c.params["compute_id"])
}

// diagnostics are the categories that cml-api.md names; the others a real server has are not documented there.
func (c *call) diagnostics() map[string]any {
	up := c.backEnd()
	started := c.labs.use(true).running
	mine := 0
	for _, l := range c.labs.all {
		if l.owner == c.user.id {
			mine += l.active()
		}
	}
	return map[string]any{
		"startup_scheduler": map[string]any{
			"licensing_loaded": true, "core_driver_connected": up, "node_definitions_loaded": true,
			"lld_connected": up, "lld_synced": up, "system_ready": c.visible() == Ready,
		},
		"licensing": map[string]any{
			"quota": c.licence.nodeLimit(), "started": started, "user_quota": nil, "user_started": mine,
		},
	}
}

func (c *call) getAllDiagnostics() (reply, *apiError) { return ok(c.diagnostics()), nil }

func (c *call) getDiagnostics() (reply, *apiError) {
	category, known := c.diagnostics()[c.params["category"]]
	if !known {
		return reply{}, invalid(problem{[]any{"path", "category"}, "enum", "Input should be a known category, not " + strings.ToLower(c.params["category"])})
	}
	return ok(category), nil
}
