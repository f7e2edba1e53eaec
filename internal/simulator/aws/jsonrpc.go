package aws

import (
	"encoding/json"
	"net/http"
	"strings"
)

// jsonService is a service that speaks the AWS JSON 1.1 protocol: the operation is in the
// header X-Amz-Target, input and output are JSON objects.
type jsonService struct {
	sim         *Simulator
	signingName string
	target      string
	operations  map[string]func(*jsonService, *Request) (any, *APIError)
	throttled   string
}

func (j *jsonService) SigningName() string { return j.signingName }

func (j *jsonService) Operation(r *Request) string {
	return strings.TrimPrefix(r.HTTP.Header.Get("X-Amz-Target"), j.target+".")
}

func (j *jsonService) Public(string) bool { return false }

func (j *jsonService) Throttled() *APIError { return refuse(j.throttled, "Rate exceeded") }

func (j *jsonService) Serve(r *Request) (Answer, *APIError) {
	run, ok := j.operations[r.Operation]
	if !ok {
		return Answer{}, refuse("UnknownOperationException", "Unknown operation %s", r.Operation)
	}
	action := j.signingName + ":" + r.Operation
	if j.sim.accounts[r.Caller.AccountID].deniedAction(action) {
		return Answer{}, refuse("AccessDeniedException", "User: %s is not authorized to perform: %s because no identity-based policy allows the %s action",
			r.Caller.ARN, action, action)
	}
	output, refused := run(j, r)
	if refused != nil {
		return Answer{}, refused
	}
	body, err := json.Marshal(output)
	if err != nil {
		return Answer{}, serverError("InternalServerError", err.Error())
	}
	return Answer{Status: http.StatusOK, ContentType: "application/x-amz-json-1.1", Body: body}, nil
}

func (j *jsonService) Refuse(_ *Request, err *APIError) Answer {
	body, _ := json.Marshal(map[string]string{"__type": err.Code, "message": err.Message}) // strings cannot fail
	return Answer{Status: err.Status, ContentType: "application/x-amz-json-1.1", Body: body}
}

// input decodes the body and refuses members that the operation does not know.
func input(r *Request, into any) *APIError {
	decoder := json.NewDecoder(strings.NewReader(string(r.Body)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return refuse("SerializationException", "%s", err.Error())
	}
	return nil
}
