package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/cml"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// controlPath is where the control API begins. No AWS service has such a path.
const controlPath = "/_simulator/"

// ControlHelp describes the control API.
const ControlHelp = `GET    /_simulator/                              this text
GET    /_simulator/state                         instances, their CML, registered licences
GET    /_simulator/requests                      recorded requests; filter with ?service= ?operation= ?target=
DELETE /_simulator/requests                      forget them
GET    /_simulator/faults                        {"pending": number of limited rules not used up}
POST   /_simulator/faults                        add rules: a JSON array
DELETE /_simulator/faults                        remove all rules
POST   /_simulator/world                         apply a world file: a JSON object
GET    /_simulator/time                          {"now", "offset"} of the simulated world; offset is to real time
POST   /_simulator/time                          {"advance": "30m"}: move the clock; what is due in between happens. Answers as GET
PATCH  /_simulator/ssms                          {"tokens": {"<token>": uses}, "rejected": ["<token>"], "products": n, "nodes": n, "reachable": bool}
PATCH  /_simulator/instances/<id>                {"version", "admin": {"username", "password"}, "virtualization", "clock_skew",
                                                  "registration_status", "authorization_status", "ssms_reachable", "switches": {...}}
POST   /_simulator/instances/<id>/<action>       stop, start, terminate, shutdown (from outside Terraform); reboot (inside the machine);
                                                 black-hole, hold?phase=<phase>, release, advance; replace-certificate; revoke-tokens;
                                                 register?product=<product>
POST   /_simulator/instances/<id>/metrics        what CloudWatch gets from now on: {"CPUUtilization": 87, "NetworkIn": null}; null: nothing
POST   /_simulator/instances/<id>/users          add an account: {"username", "password", "admin": bool}
POST   /_simulator/instances/<id>/labs           add a lab: {"title", "owner", "running", "stubborn", "nodes": [{"label"}]}
POST   /_simulator/instances/<id>/labs/<lab>/<start|stop>
POST   /_simulator/instances/<id>/events         add telemetry: {"category", "time" (RFC 3339), "data": {}}

Phases: off, refused, bad_gateway, not_ready, ready, black_hole.
A rule of faults: {"service": "ec2|sts|monitoring|scheduler|pricing|…|cml", "operation": "RunInstances" or "GET /licensing", "match": {"<parameter>": "<value>"},
 "skip": n, "times": n, "kind": "error|throttle|drop|reset|delay|slow_body|garbage", "code", "message", "status", "delay": "2s", "body", "after_effect"}
`

// withControl serves the control API beside AWS.
func (s *Simulator) withControl(aws http.Handler) http.Handler {
	control := http.NewServeMux()
	handle := func(pattern string, serve func(*http.Request) (any, error)) {
		control.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { respond(w, r, serve) })
	}
	control.HandleFunc("GET "+controlPath+"{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, ControlHelp) // the client may have gone
	})
	handle("GET "+controlPath+"state", func(*http.Request) (any, error) { return s.State(), nil })
	handle("GET "+controlPath+"requests", s.getRequests)
	handle("DELETE "+controlPath+"requests", func(*http.Request) (any, error) { s.Recorder.Reset(); return nil, nil })
	handle("GET "+controlPath+"faults", func(*http.Request) (any, error) {
		return map[string]int{"pending": s.Faults.Pending()}, nil
	})
	handle("POST "+controlPath+"faults", s.postFaults)
	handle("DELETE "+controlPath+"faults", func(*http.Request) (any, error) { s.Faults.Clear(); return nil, nil })
	handle("POST "+controlPath+"world", s.postWorld)
	handle("GET "+controlPath+"time", func(*http.Request) (any, error) { return s.time(), nil })
	handle("POST "+controlPath+"time", s.postTime)
	handle("PATCH "+controlPath+"ssms", s.patchSSMS)
	handle("PATCH "+controlPath+"instances/{id}", s.onInstance(s.patchInstance))
	handle("POST "+controlPath+"instances/{id}/{action}", s.onInstance(s.postAction))
	handle("POST "+controlPath+"instances/{id}/labs/{lab}/{action}", s.onInstance(s.postLabAction))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, controlPath):
			aws.ServeHTTP(w, r)
		case !localHost(r.Host):
			http.Error(w, "the control API is for this machine", http.StatusForbidden)
		default:
			control.ServeHTTP(w, r)
		}
	})
}

// localHost refuses names that only resolve to this machine, so that a page in a
// browser cannot reach the control API by a name of its own.
func localHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// errNoInstance is answered with 404.
var errNoInstance = errors.New("no such instance")

func respond(w http.ResponseWriter, r *http.Request, serve func(*http.Request) (any, error)) {
	answer, err := serve(r)
	status := http.StatusOK
	switch {
	case errors.Is(err, errNoInstance):
		status = http.StatusNotFound
	case err != nil:
		status = http.StatusBadRequest
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if err != nil {
		answer = map[string]string{"error": err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(answer) // the client may have gone
}

// readJSON decodes a body and refuses members that the target does not have.
func readJSON(r *http.Request, into any) error {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4<<20))
	if err != nil {
		return err
	}
	return strict(data, into)
}

func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if decoder.More() {
		return errors.New("there is something behind the JSON document")
	}
	return nil
}

func (s *Simulator) getRequests(r *http.Request) (any, error) {
	query := r.URL.Query()
	fits := func(pattern, value string) bool { return pattern == "" || wire.Wildcard(pattern, value) }
	records := s.Recorder.Filter(func(record wire.Record) bool {
		return fits(query.Get("service"), record.Service) && fits(query.Get("operation"), record.Operation) && fits(query.Get("target"), record.Target)
	})
	if records == nil {
		records = []wire.Record{}
	}
	return records, nil
}

func (s *Simulator) postFaults(r *http.Request) (any, error) {
	data, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 4<<20))
	if err != nil {
		return nil, err
	}
	return nil, s.Faults.AddJSON(data)
}

func (s *Simulator) postWorld(r *http.Request) (any, error) {
	var w World
	if err := readJSON(r, &w); err != nil {
		return nil, err
	}
	return nil, s.Apply(r.Context(), w)
}

func (s *Simulator) patchSSMS(r *http.Request) (any, error) {
	var change SSMSWorld
	if err := readJSON(r, &change); err != nil {
		return nil, err
	}
	change.apply(s.CML.SSMS())
	return nil, nil
}

// onInstance finds the instance of the path, which must have booted once.
func (s *Simulator) onInstance(serve func(*http.Request, place, *cml.Machine) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		id := r.PathValue("id")
		where, known := s.guest.place(id)
		if !known {
			return nil, fmt.Errorf("%w: %s (it must have booted once)", errNoInstance, id)
		}
		return serve(r, where, s.CML.Machine(id))
	}
}

func (s *Simulator) postLabAction(r *http.Request, _ place, m *cml.Machine) (any, error) {
	switch action := r.PathValue("action"); action {
	case "start":
		return nil, m.StartLab(r.PathValue("lab"), "")
	case "stop":
		return nil, m.StopLab(r.PathValue("lab"), "")
	default:
		return nil, fmt.Errorf("a lab has no action %q", action)
	}
}

// instanceChange is the body of a PATCH of an instance; what is absent stays.
type instanceChange struct {
	Version             *string          `json:"version"`
	Admin               *cml.Credentials `json:"admin"`
	Virtualization      *bool            `json:"virtualization"`
	ClockSkew           *wire.Duration   `json:"clock_skew"`
	RegistrationStatus  *string          `json:"registration_status"`
	AuthorizationStatus *string          `json:"authorization_status"`
	SSMSReachable       *bool            `json:"ssms_reachable"`
	Switches            json.RawMessage  `json:"switches"`
}

func (s *Simulator) patchInstance(r *http.Request, _ place, m *cml.Machine) (any, error) {
	var c instanceChange
	if err := readJSON(r, &c); err != nil {
		return nil, err
	}
	if c.Switches != nil {
		var err error
		m.Switch(func(switches *cml.Switches) { err = strict(c.Switches, switches) })
		if err != nil {
			return nil, fmt.Errorf("switches: %w", err)
		}
	}
	if c.Version != nil {
		if err := m.SetVersion(*c.Version); err != nil {
			return nil, err
		}
	}
	if c.Admin != nil {
		m.SetAdmin(*c.Admin)
	}
	if c.ClockSkew != nil {
		m.SetClockSkew(time.Duration(*c.ClockSkew))
	}
	if c.RegistrationStatus != nil {
		m.SetRegistrationStatus(*c.RegistrationStatus)
	}
	if c.AuthorizationStatus != nil {
		m.SetAuthorizationStatus(*c.AuthorizationStatus)
	}
	if c.SSMSReachable != nil {
		m.SetSSMSReachable(*c.SSMSReachable)
	}
	if c.Virtualization != nil {
		return nil, m.SetVirtualization(*c.Virtualization)
	}
	return nil, nil
}

func (s *Simulator) postAction(r *http.Request, where place, m *cml.Machine) (any, error) {
	region := s.AWS.RegionOf(where.account, where.region)
	if _, exists := region.Instance(m.ID()); !exists {
		return nil, fmt.Errorf("%w: %s", errNoInstance, m.ID())
	}
	switch action := r.PathValue("action"); action {
	case "stop":
		region.StopOutside(m.ID())
	case "start":
		region.StartOutside(m.ID())
	case "terminate":
		region.TerminateOutside(m.ID())
	case "shutdown":
		region.ShutdownInside(m.ID())
	case "reboot":
		return nil, m.Reboot()
	case "black-hole":
		return nil, m.HoldPhase(cml.BlackHole)
	case "hold":
		return nil, m.HoldPhase(cml.Phase(r.URL.Query().Get("phase")))
	case "release":
		return nil, m.ReleasePhase()
	case "advance":
		return nil, m.Advance()
	case "replace-certificate":
		return nil, m.ReplaceCertificate("cml-controller")
	case "revoke-tokens":
		m.RevokeTokens()
	case "register":
		m.RegisterNow(r.URL.Query().Get("product"), time.Time{})
	case "metrics":
		return nil, setMetrics(r, region, m.ID())
	case "users":
		return addUser(r, m)
	case "labs":
		return addLab(r, m)
	case "events":
		return nil, addEvent(r, m)
	default:
		return nil, fmt.Errorf("an instance has no action %q", action)
	}
	return nil, nil
}

func addUser(r *http.Request, m *cml.Machine) (any, error) {
	var user User
	if err := readJSON(r, &user); err != nil {
		return nil, err
	}
	return map[string]string{"id": m.AddUser(user.Credentials, user.Admin)}, nil
}

func addLab(r *http.Request, m *cml.Machine) (any, error) {
	var lab cml.Lab
	if err := readJSON(r, &lab); err != nil {
		return nil, err
	}
	id, err := m.AddLab(lab)
	if err != nil {
		return nil, err
	}
	return map[string]string{"id": id}, nil
}

func addEvent(r *http.Request, m *cml.Machine) error {
	var event struct {
		Category string         `json:"category"`
		Time     time.Time      `json:"time"`
		Data     map[string]any `json:"data"`
	}
	if err := readJSON(r, &event); err != nil {
		return err
	}
	if event.Category == "" {
		return errors.New("an event needs a category")
	}
	m.AddEvent(cml.Event{Category: event.Category, Time: event.Time, Data: event.Data})
	return nil
}
