package wire

import (
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Record is one request as it arrived, with the outcome it got.
type Record struct {
	// Seq counts from 1 in the order of arrival.
	Seq int `json:"seq"`
	// Time is the moment of arrival.
	Time time.Time `json:"time"`
	// Service is "ec2", "sts", "cml", and so on.
	Service string `json:"service"`
	// Operation is the AWS action, or for CML the method and the route ("GET /system_information").
	Operation string `json:"operation"`
	// Region and AccessKeyID come from the signature of an AWS request, empty otherwise.
	Region      string `json:"region,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	// Target is the EC2 instance id or the address of the CML server that was asked, empty for AWS.
	Target string `json:"target,omitempty"`
	// Params are the parameters of a query-protocol or form request and of the URL.
	Params url.Values `json:"params,omitempty"`
	// Header and Body are as received. They may hold secrets, so they are not encoded.
	Header http.Header `json:"-"`
	Body   []byte      `json:"-"`
	// Fault is the kind of the fault that was injected, empty when none was.
	Fault Kind `json:"fault,omitempty"`
	// StatusCode is that of the answer, 0 while it is under way or when none was sent.
	StatusCode int `json:"status_code"`
	// RequestID is the identifier that the answer carried.
	RequestID string `json:"request_id,omitempty"`
}

// Recorder keeps every request in the order of arrival. Its zero value is ready
// for use, and it is safe for concurrent use.
type Recorder struct {
	mu      sync.Mutex
	last    int
	records []*Record
}

// Begin keeps a request that arrived and returns its sequence number for Finish.
// Seq and, when zero, Time are filled in here.
func (r *Recorder) Begin(record Record) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last++
	record.Seq = r.last
	if record.Time.IsZero() {
		record.Time = time.Now()
	}
	r.records = append(r.records, &record)
	return record.Seq
}

// Finish completes the record of that sequence number. A record that Reset removed
// in the meantime is ignored.
func (r *Recorder) Finish(seq int, update func(*Record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.records) - 1; i >= 0; i-- {
		if r.records[i].Seq == seq {
			update(r.records[i])
			return
		}
	}
}

// All returns copies of all records in the order of arrival.
func (r *Recorder) All() []Record {
	return r.Filter(func(Record) bool { return true })
}

// Filter returns copies of the records that keep accepts, in the order of arrival.
func (r *Recorder) Filter(keep func(Record) bool) []Record {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []Record
	for _, record := range r.records {
		if keep(*record) {
			out = append(out, *record)
		}
	}
	return out
}

// Operations returns the names of the operations asked of a service, in the order of
// arrival and with repetitions. An empty service stands for all.
func (r *Recorder) Operations(service string) []string {
	var out []string
	for _, record := range r.All() {
		if service == "" || record.Service == service {
			out = append(out, record.Operation)
		}
	}
	return out
}

// Count returns how often an operation was asked of a service. Empty arguments stand
// for all.
func (r *Recorder) Count(service, operation string) int {
	return len(r.Filter(func(record Record) bool {
		return (service == "" || record.Service == service) && (operation == "" || record.Operation == operation)
	}))
}

// Reset forgets all records. Sequence numbers go on counting, so that records from
// before and after never share one.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = nil
}
