package aws

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// monitoringService is CloudWatch, version 2010-08-01. It speaks the three protocols of its
// model: rpc-v2-cbor, AWS JSON 1.0 and query (Smithy model of CloudWatch: protocols
// smithy.protocols#rpcv2Cbor, aws.protocols#awsJson1_0, aws.protocols#awsQuery).
type monitoringService struct{ sim *Simulator }

const (
	monitoringNamespace = "http://monitoring.amazonaws.com/doc/2010-08-01/"
	monitoringTarget    = "GraniteServiceVersion20100801"
)

// monitoringOperation is one API action. input makes the structure that run takes.
type monitoringOperation struct {
	input func() any
	run   func(*monitoringCall, any) (any, *APIError)
	// result tells whether the query protocol wraps an answer in "<Operation>Result".
	result bool
}

// monitoringCall is a request under way.
type monitoringCall struct {
	*Request
	sim    *Simulator
	region *Region
}

// monitored joins an input, an action and whether it has an output.
func monitored[I any](run func(*monitoringCall, *I) (any, *APIError), result bool) monitoringOperation {
	return monitoringOperation{
		input:  func() any { return new(I) },
		run:    func(c *monitoringCall, in any) (any, *APIError) { return run(c, in.(*I)) },
		result: result,
	}
}

var monitoringOperations = map[string]monitoringOperation{
	"PutMetricData":       monitored((*monitoringCall).putMetricData, false),
	"GetMetricData":       monitored((*monitoringCall).getMetricData, true),
	"GetMetricStatistics": monitored((*monitoringCall).getMetricStatistics, true),
	"ListMetrics":         monitored((*monitoringCall).listMetrics, true),

	"PutMetricAlarm":       monitored((*monitoringCall).putMetricAlarm, false),
	"DescribeAlarms":       monitored((*monitoringCall).describeAlarms, true),
	"DeleteAlarms":         monitored((*monitoringCall).deleteAlarms, false),
	"SetAlarmState":        monitored((*monitoringCall).setAlarmState, false),
	"EnableAlarmActions":   monitored((*monitoringCall).enableAlarmActions, false),
	"DisableAlarmActions":  monitored((*monitoringCall).disableAlarmActions, false),
	"DescribeAlarmHistory": monitored((*monitoringCall).describeAlarmHistory, true),
	"TagResource":          monitored((*monitoringCall).tagResource, true),
	"UntagResource":        monitored((*monitoringCall).untagResource, true),
	"ListTagsForResource":  monitored((*monitoringCall).listTags, true),
}

func (m *monitoringService) SigningName() string { return "monitoring" }
func (m *monitoringService) Public(string) bool  { return false }

// protocol tells how a request is written.
func (r *Request) protocol() string {
	switch {
	case r.HTTP.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
		return "cbor"
	case r.HTTP.Header.Get("X-Amz-Target") != "":
		return "json"
	}
	return "query"
}

func (m *monitoringService) Operation(r *Request) string {
	switch r.protocol() {
	case "cbor":
		return strings.TrimPrefix(r.HTTP.URL.Path, "/service/"+monitoringTarget+"/operation/")
	case "json":
		return strings.TrimPrefix(r.HTTP.Header.Get("X-Amz-Target"), monitoringTarget+".")
	}
	return r.Params.Get("Action")
}

func (m *monitoringService) Throttled() *APIError { return refuse("Throttling", "Rate exceeded") }

func (m *monitoringService) Serve(r *Request) (Answer, *APIError) {
	op, ok := monitoringOperations[r.Operation]
	if !ok {
		return Answer{}, refuse("InvalidAction", "Could not find operation %s for version 2010-08-01", r.Operation)
	}
	c := &monitoringCall{Request: r, sim: m.sim, region: m.sim.region(r.Caller.AccountID, r.Region)}
	if refused := c.authorize("cloudwatch:" + r.Operation); refused != nil {
		return Answer{}, refused
	}
	in := op.input()
	if err := readInput(r, in); err != nil {
		return Answer{}, refuse("SerializationException", "%s", err.Error())
	}
	out, refused := op.run(c, in)
	if refused != nil {
		return Answer{}, refused
	}
	return m.write(r, op, out)
}

// authorize refuses what the account's deny list names.
func (c *monitoringCall) authorize(action string) *APIError {
	if !c.region.account.deniedAction(action) {
		return nil
	}
	return &APIError{Status: http.StatusForbidden, Code: "AccessDenied", Message: fmt.Sprintf(
		"User: %s is not authorized to perform: %s because no identity-based policy allows the %s action", c.Caller.ARN, action, action)}
}

// readInput reads the body, which may be compressed (CloudWatch API reference,
// "PutMetricData": "You can send a payload compressed by gzip").
func readInput(r *Request, into any) error {
	if r.protocol() == "query" {
		return fillQuery(r.Params, into)
	}
	body := r.Body
	if r.HTTP.Header.Get("Content-Encoding") == "gzip" {
		reader, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(io.LimitReader(reader, maxBody)); err != nil {
			return err
		}
	}
	if len(body) == 0 {
		return nil
	}
	if r.protocol() == "cbor" {
		return strictCBOR.Unmarshal(body, into)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (m *monitoringService) write(r *Request, op monitoringOperation, out any) (Answer, *APIError) {
	answer := Answer{Status: http.StatusOK}
	var err error
	switch r.protocol() {
	case "cbor":
		answer.ContentType, answer.Header = "application/cbor", http.Header{"Smithy-Protocol": {"rpc-v2-cbor"}}
		answer.Body, err = cbor.Marshal(out)
	case "json":
		answer.ContentType = "application/x-amz-json-1.0"
		answer.Body, err = json.Marshal(out)
	default:
		parts := []node{group("ResponseMetadata", text("RequestId", r.ID))}
		if op.result {
			parts = append([]node{list(r.Operation+"Result", queryNodes(reflect.ValueOf(out)))}, parts...)
		}
		answer.ContentType = "text/xml"
		answer.Body = document(r.Operation+"Response", monitoringNamespace, parts...)
	}
	if err != nil {
		return Answer{}, serverError("InternalServiceError", err.Error())
	}
	return answer, nil
}

// errorShapes are the names in the model of errors whose code in the query protocol is another.
var errorShapes = map[string]string{
	"InvalidParameterValue":       "InvalidParameterValueException",
	"InvalidParameterCombination": "InvalidParameterCombinationException",
	"MissingParameter":            "MissingRequiredParameterException",
	"LimitExceeded":               "LimitExceededFault",
	"InvalidFormat":               "InvalidFormatFault",
	"InternalServiceError":        "InternalServiceFault",
	"ValidationError":             "ValidationException",
	"AccessDenied":                "AccessDeniedException",
	"Throttling":                  "ThrottlingException",
}

// Refuse writes an error. The protocols other than query name the shape, and tell the code of
// the query protocol in a header ("awsQueryCompatible trait", Smithy).
func (m *monitoringService) Refuse(r *Request, err *APIError) Answer {
	fault := "Sender"
	if err.Status >= http.StatusInternalServerError {
		fault = "Receiver"
	}
	answer := Answer{Status: err.Status}
	if r.protocol() == "query" {
		answer.ContentType = "text/xml"
		answer.Body = document("ErrorResponse", monitoringNamespace,
			group("Error", text("Type", fault), text("Code", err.Code), text("Message", err.Message)), text("RequestId", r.ID))
		return answer
	}
	shape := firstText(errorShapes[err.Code], err.Code)
	body := map[string]string{"__type": "com.amazonaws.cloudwatch#" + shape, "message": err.Message}
	answer.Header = http.Header{"X-Amzn-Query-Error": {err.Code + ";" + fault}}
	if r.protocol() == "json" {
		answer.ContentType = "application/x-amz-json-1.0"
		answer.Body, _ = json.Marshal(body) // strings cannot fail
		return answer
	}
	answer.ContentType = "application/cbor"
	answer.Header.Set("Smithy-Protocol", "rpc-v2-cbor")
	answer.Body, _ = cbor.Marshal(body) // strings cannot fail
	return answer
}
