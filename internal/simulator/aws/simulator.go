package aws

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/clock"
	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// Simulator is AWS behind one endpoint. It is an http.Handler and safe for concurrent use.
type Simulator struct {
	// Recorder has every request, also those that meet a fault.
	Recorder *wire.Recorder
	// Faults is the script of what goes wrong. The parameters that rules match are those of
	// the request and "Region".
	Faults *wire.Faults

	options  Options
	clock    *clock.Clock
	services map[string]Service

	// mu guards everything below, and everything that is reached from it.
	mu          sync.Mutex
	closed      bool
	pool        *addressPool
	accounts    map[string]*account
	credentials map[string]*credential
	tasks       map[*clock.Task]struct{}
	working     sync.WaitGroup // guest calls under way
	decoded     map[string]string
	imds        metadataState
	noWarmUps   bool
}

// Service is one AWS service behind the endpoint: the seam for services to come.
type Service interface {
	// SigningName is the service in the credential scope: "ec2", "monitoring", "scheduler".
	SigningName() string
	// Operation is the name of the API action that a request asks for.
	Operation(r *Request) string
	// Public tells whether an operation needs no signature.
	Public(operation string) bool
	// Serve answers. It is called with the simulator's lock held and must not block.
	Serve(r *Request) (Answer, *APIError)
	// Refuse writes an error in the service's protocol.
	Refuse(r *Request, err *APIError) Answer
	// Throttled is the error that the service answers when it is asked too often.
	Throttled() *APIError
}

// Answer is an HTTP answer.
type Answer struct {
	Status      int
	ContentType string
	Header      http.Header
	Body        []byte
}

// New makes a simulator with the services that are known. Close ends it.
func New(options Options) (*Simulator, error) {
	options.Timing = options.Timing.withDefaults()
	if options.PageSize == 0 {
		options.PageSize = defaultPageSize
	}
	if options.Clock == nil {
		options.Clock = clock.New(0)
	}
	pool, err := newAddressPool()
	if err != nil {
		return nil, err
	}
	s := &Simulator{
		Recorder: &wire.Recorder{}, Faults: &wire.Faults{},
		options: options, clock: options.Clock, services: map[string]Service{}, pool: pool,
		accounts: map[string]*account{}, credentials: map[string]*credential{},
		tasks: map[*clock.Task]struct{}{}, decoded: map[string]string{},
	}
	for _, a := range options.Accounts {
		s.addAccount(a)
	}
	if s.accounts[DefaultAccountID] == nil {
		s.addAccount(Account{ID: DefaultAccountID})
	}
	s.Register(&ec2Service{sim: s})
	s.Register(&stsService{sim: s})
	s.Register(newQuotaService(s))
	s.Register(newPricingService(s))
	s.Register(newSecretService(s))
	s.Register(newParameterService(s))
	s.Register(&schedulerService{sim: s})
	s.Register(&monitoringService{sim: s})
	return s, nil
}

// Register adds a service, or replaces the one with the same signing name. It must be
// called before the first request.
func (s *Simulator) Register(service Service) { s.services[service.SigningName()] = service }

// Close stops all clocks, waits for calls of the guest that are under way and gives the
// addresses back. Instances keep the state that they have; the guest is not told.
func (s *Simulator) Close() error {
	s.mu.Lock()
	s.closed = true
	for task := range s.tasks {
		task.Cancel()
	}
	s.tasks = map[*clock.Task]struct{}{}
	s.mu.Unlock()
	s.working.Wait()
	return s.pool.close()
}

// ServeHTTP answers a request to any of the services.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, httpRequest *http.Request) {
	r, err := readRequest(httpRequest)
	if err != nil {
		http.Error(w, "the request could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	service, ok := s.services[r.Service]
	if !ok {
		http.Error(w, "no service "+r.Service+" is simulated here", http.StatusNotFound)
		return
	}
	r.Operation = service.Operation(r)
	// The body was read; a handler that serves the request twice must find it again.
	httpRequest.Body = io.NopCloser(bytes.NewReader(r.Body))

	matched := map[string][]string{"Region": {r.Region}}
	for name, values := range r.Params {
		matched[name] = values
	}
	fault := s.Faults.Take(r.Service, r.Operation, matched)
	record := wire.Record{
		Service: r.Service, Operation: r.Operation, Region: r.Region, AccessKeyID: r.AccessKeyID,
		Params: r.Params, Header: httpRequest.Header.Clone(), Body: r.Body, RequestID: r.ID,
	}
	if fault != nil {
		record.Fault = fault.Kind
	}
	seq := s.Recorder.Begin(record)
	outer := &statusWriter{ResponseWriter: w}
	defer func() { s.Recorder.Finish(seq, func(rec *wire.Record) { rec.StatusCode = outer.status }) }()

	fault.Serve(outer, httpRequest,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.answer(w, r, service) }),
		func(w http.ResponseWriter, f wire.Fault) { send(w, r, service.Refuse(r, injected(service, f))) })
}

// answer runs the operation itself.
func (s *Simulator) answer(w http.ResponseWriter, r *Request, service Service) {
	time.Sleep(s.options.Timing.Latency)
	answer, refused := s.serve(r, service)
	if refused != nil {
		answer = service.Refuse(r, refused)
	}
	send(w, r, answer)
}

func (s *Simulator) serve(r *Request, service Service) (Answer, *APIError) {
	s.mu.Lock()
	defer s.mu.Unlock() // also when a service panics, which must not freeze the others
	if !service.Public(r.Operation) {
		if refused := s.authenticate(r); refused != nil {
			return Answer{}, refused
		}
		if refused := s.permitted(r); refused != nil {
			return Answer{}, refused
		}
	}
	return service.Serve(r)
}

func send(w http.ResponseWriter, r *Request, answer Answer) {
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", answer.ContentType)
	w.Header().Set("X-Amzn-Requestid", r.ID)
	body := answer.Body
	if len(body) > 1<<10 && strings.Contains(r.HTTP.Header.Get("Accept-Encoding"), "gzip") {
		body = zipped(body)
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.WriteHeader(answer.Status)
	_, _ = w.Write(body) // the client may have gone; there is nobody else to tell
}

// zipped compresses a long answer for a client that accepts it, as EC2 does.
func zipped(body []byte) []byte {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	_, _ = writer.Write(body) // a bytes.Buffer does not fail
	_ = writer.Close()
	return out.Bytes()
}

// injected is the error of a scripted fault, with what the script left out.
func injected(service Service, f wire.Fault) *APIError {
	err := &APIError{Status: http.StatusInternalServerError, Code: "InternalError", Message: "An internal error has occurred"}
	if f.Kind == wire.Throttle {
		err = service.Throttled()
	}
	if f.Code != "" {
		err.Code = f.Code
		err.Message = "Injected fault: " + f.Code
		err.Status = http.StatusBadRequest
	}
	if f.Message != "" {
		err.Message = f.Message
	}
	if f.Status != 0 {
		err.Status = f.Status
	}
	return err
}

// statusWriter notes the status for the record and lets faults reach the connection.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
