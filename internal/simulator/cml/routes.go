package cml

import (
	"net/url"
	"strings"
)

// access says who may call an operation.
type access int

const (
	public access = iota // no token (cml-api.md 2 names these four)
	anyone               // any valid token
	admin                // an administrator's token
)

// route is one operation of the API.
type route struct {
	method, path string
	access       access
	// since and until bound the releases 2.<minor> that have it; until is the
	// first without. Zero: no bound.
	since, until int
	handle       func(*call) (reply, *apiError)
}

// routes returns the operations of cml-api.md. The reference names no other
// operation, and neither does the simulator.
func routes() []route {
	return []route{
		{"POST", "/authenticate", public, 0, 0, (*call).postAuthenticate},
		{"POST", "/auth_extended", public, 0, 0, (*call).postAuthExtended},
		{"GET", "/authok", anyone, 0, 0, (*call).getAuthOK},
		{"GET", "/authentication", anyone, 10, 0, (*call).getAuthentication},
		{"DELETE", "/logout", anyone, 0, 0, (*call).deleteLogout},
		{"GET", "/web_session_timeout", anyone, 0, 0, (*call).getSessionTimeout},
		{"PATCH", "/web_session_timeout/{timeout}", admin, 0, 0, (*call).patchSessionTimeout},

		{"GET", "/system_information", public, 0, 0, (*call).getSystemInformation},
		{"GET", "/system_health", anyone, 0, 0, (*call).getSystemHealth},
		{"GET", "/system_stats", anyone, 0, 0, (*call).getSystemStats},
		{"GET", "/system/compute_hosts", admin, 0, 0, (*call).getComputeHosts},
		{"PATCH", "/system/compute_hosts/{compute_id}", admin, 0, 0, (*call).patchComputeHost},
		{"GET", "/diagnostics", admin, 0, 9, (*call).getAllDiagnostics},
		{"GET", "/diagnostics/{category}", admin, 9, 0, (*call).getDiagnostics},
		{"GET", "/system/maintenance_mode", public, 0, 0, (*call).getMaintenance},
		{"PATCH", "/system/maintenance_mode", admin, 0, 0, (*call).patchMaintenance},
		{"GET", "/system/notices", anyone, 0, 0, (*call).getNotices},
		{"POST", "/system/notices", admin, 0, 0, (*call).postNotice},
		{"GET", "/system/notices/{notice_id}", anyone, 0, 0, (*call).getNotice},
		{"PATCH", "/system/notices/{notice_id}", admin, 0, 0, (*call).patchNotice},
		{"DELETE", "/system/notices/{notice_id}", admin, 0, 0, (*call).deleteNotice},

		{"GET", "/licensing", admin, 0, 0, (*call).getLicensing},
		{"PUT", "/licensing/product_license", admin, 0, 0, (*call).putProduct},
		{"PUT", "/licensing/transport", admin, 0, 11, (*call).putTransport},
		{"PATCH", "/licensing/transport", admin, 11, 0, (*call).putTransport},
		{"POST", "/licensing/registration", admin, 0, 0, (*call).postRegistration},
		{"PUT", "/licensing/registration/renew", admin, 0, 0, (*call).putRegistrationRenew},
		{"PUT", "/licensing/authorization/renew", admin, 0, 0, (*call).putAuthorizationRenew},
		{"DELETE", "/licensing/deregistration", admin, 0, 0, (*call).deleteDeregistration},
		{"GET", "/licensing/features", admin, 0, 0, (*call).getFeatures},
		{"PATCH", "/licensing/features", admin, 0, 0, (*call).patchFeatures},
		{"GET", "/licensing/tech_support", admin, 0, 0, (*call).getTechSupport},
		{"PUT", "/licensing/reservation/mode", admin, 0, 0, (*call).putReservationMode},

		{"GET", "/labs", anyone, 0, 0, (*call).getLabs},
		{"GET", "/labs/{lab_id}", anyone, 0, 0, (*call).getLab},
		{"DELETE", "/labs/{lab_id}", anyone, 0, 0, (*call).deleteLab},
		{"GET", "/labs/{lab_id}/state", anyone, 0, 0, (*call).getLabState},
		{"GET", "/labs/{lab_id}/lab_element_state", anyone, 0, 0, (*call).getElementState},
		{"GET", "/labs/{lab_id}/check_if_converged", anyone, 0, 0, (*call).getConverged},
		{"GET", "/labs/{lab_id}/download", anyone, 0, 0, (*call).getDownload},
		{"GET", "/labs/{lab_id}/nodes", anyone, 0, 0, (*call).getLabNodes},
		{"GET", "/labs/{lab_id}/nodes/{node_id}", anyone, 0, 0, (*call).getNode},
		{"GET", "/labs/{lab_id}/nodes/{node_id}/state", anyone, 0, 0, (*call).getNodeState},
		{"PUT", "/labs/{lab_id}/start", anyone, 0, 0, (*call).putLabStart},
		{"PUT", "/labs/{lab_id}/stop", anyone, 0, 0, (*call).putLabStop},
		{"PUT", "/labs/{lab_id}/wipe", anyone, 0, 0, (*call).putLabWipe},
		{"GET", "/nodes", anyone, 0, 0, (*call).getNodes},
		{"GET", "/populate_lab_tiles", anyone, 0, 0, (*call).getLabTiles},

		{"GET", "/telemetry/events", anyone, 0, 0, (*call).getTelemetryEvents},
		{"GET", "/telemetry", anyone, 0, 0, (*call).getTelemetry},
		{"PUT", "/telemetry", admin, 0, 0, (*call).putTelemetry},

		{"GET", "/users", admin, 0, 0, (*call).getUsers},
		{"POST", "/users", admin, 0, 0, (*call).postUser},
		{"GET", "/users/{username}/id", anyone, 0, 0, (*call).getUserID},
		{"GET", "/users/{user_id}", anyone, 0, 0, (*call).getUser},
		{"PATCH", "/users/{user_id}", anyone, 0, 0, (*call).patchUser},
		{"DELETE", "/users/{user_id}", admin, 0, 0, (*call).deleteUser},
	}
}

var table = routes()

// match is what the route table says about a request.
type match struct {
	route *route
	// template is the path below the base with names for its variable parts; for
	// an unknown path it is the path as sent.
	template string
	params   map[string]string
	// otherMethod: the path exists, the method does not.
	otherMethod bool
}

func (m *Machine) match(method, path string) match {
	rest, below := strings.CutPrefix(path, basePath)
	if !below {
		return match{template: path}
	}
	found := match{template: rest}
	for i := range table {
		candidate := &table[i]
		if m.release.before(candidate.since) || candidate.until > 0 && m.release.from(candidate.until) {
			continue
		}
		params, fits := bind(candidate.path, rest)
		if !fits {
			continue
		}
		if candidate.method == method {
			return match{route: candidate, template: candidate.path, params: params}
		}
		found = match{template: candidate.path, params: params, otherMethod: true}
	}
	return found
}

// bind compares a path with a template and returns the values of its variable parts.
func bind(template, path string) (map[string]string, bool) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, part := range want {
		name, variable := strings.CutPrefix(part, "{")
		if !variable {
			if part != have[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(have[i])
		if err != nil || value == "" {
			return nil, false
		}
		params[strings.TrimSuffix(name, "}")] = value
	}
	return params, true
}
