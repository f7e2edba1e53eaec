package aws

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// ec2Service speaks the EC2 query protocol, version 2016-11-15 (EC2 API reference, "Query
// requests for Amazon EC2").
type ec2Service struct{ sim *Simulator }

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// call is one EC2 request under way.
type call struct {
	*Request
	params
	sim    *Simulator
	region *Region
}

// operation is one API action.
type operation struct {
	// params are the parameters that it knows; see params.checkKnown.
	params string
	run    func(*call) ([]node, *APIError)
	// reads tells an action that changes nothing; IAM knows no resource for those.
	reads bool
	// check is what a dry run does beside looking at permissions.
	check func(*call) *APIError
}

// operations are the EC2 actions that are simulated.
var operations map[string]operation

func init() {
	operations = map[string]operation{}
	for _, part := range []map[string]operation{
		launchOperations, powerOperations, readOperations, changeOperations, tagOperations,
		volumeOperations, profileOperations, networkOperations, addressOperations, interfaceOperations,
		catalogOperations, imageOperations, snapshotOperations, spotOperations,
	} {
		for name, op := range part {
			operations[name] = op
		}
	}
}

func (e *ec2Service) SigningName() string         { return "ec2" }
func (e *ec2Service) Operation(r *Request) string { return r.Params.Get("Action") }
func (e *ec2Service) Public(string) bool          { return false }

// Throttled is EC2's answer to too many requests (EC2 API reference, "Request throttling").
func (e *ec2Service) Throttled() *APIError {
	return &APIError{Status: http.StatusServiceUnavailable, Code: "RequestLimitExceeded", Message: "Request limit exceeded."}
}

func (e *ec2Service) Serve(r *Request) (Answer, *APIError) {
	op, ok := operations[r.Operation]
	if !ok {
		return Answer{}, refuse("InvalidAction", "The action %s is not valid for this web service.", r.Operation)
	}
	c := &call{Request: r, params: params{values: r.Params}, sim: e.sim, region: e.sim.region(r.Caller.AccountID, r.Region)}
	if refused := c.checkKnown(op.params); refused != nil {
		return Answer{}, refused
	}
	if refused := c.authorize("ec2:"+r.Operation, c.target(op)); refused != nil {
		return Answer{}, refused
	}
	if c.bool("DryRun") {
		if op.check != nil {
			if refused := op.check(c); refused != nil {
				return Answer{}, refused
			}
		}
		return Answer{}, &APIError{Status: http.StatusPreconditionFailed, Code: "DryRunOperation",
			Message: "Request would have succeeded, but DryRun flag is set."}
	}
	nodes, refused := op.run(c)
	if refused != nil {
		return Answer{}, refused
	}
	nodes = append([]node{text("requestId", r.ID)}, nodes...)
	return Answer{Status: http.StatusOK, ContentType: "text/xml;charset=UTF-8", Body: document(r.Operation+"Response", ec2Namespace, nodes...)}, nil
}

// Refuse writes EC2's own form of an error, which no other service has ("Error responses").
func (e *ec2Service) Refuse(r *Request, err *APIError) Answer {
	return Answer{Status: err.Status, ContentType: "text/xml;charset=UTF-8", Body: document("Response", "",
		group("Errors", group("Error", text("Code", err.Code), text("Message", err.Message))),
		text("RequestID", r.ID))}
}

// done is the answer of actions that have none of their own.
func done() ([]node, *APIError) { return []node{flag("return", true)}, nil }

// target is the resource that IAM names when it refuses an action.
func (c *call) target(op operation) string {
	switch {
	case op.reads:
		return ""
	case c.has("InstanceId"):
		return c.region.arn("instance", c.get("InstanceId"))
	case c.has("InstanceId.1"):
		return c.region.arn("instance", c.get("InstanceId.1"))
	case c.has("VolumeId"):
		return c.region.arn("volume", c.get("VolumeId"))
	}
	return c.region.arn("instance", "*")
}

// authorize refuses what the account's deny list names, in EC2's words. Where a resource is
// known, EC2 adds a message that DecodeAuthorizationMessage opens.
func (c *call) authorize(action, resource string) *APIError {
	if !c.region.account.deniedAction(action) {
		return nil
	}
	message := fmt.Sprintf("You are not authorized to perform this operation. User: %s is not authorized to perform: %s", c.Caller.ARN, action)
	if resource != "" {
		message += " on resource: " + resource
	}
	message += fmt.Sprintf(" because no identity-based policy allows the %s action", action)
	if resource != "" {
		message += ". Encoded authorization failure message: " + c.sim.encodeRefusal(c.Caller.ARN, action, resource)
	}
	return &APIError{Status: http.StatusForbidden, Code: "UnauthorizedOperation", Message: message}
}

// encodeRefusal makes the opaque text that STS opens again.
func (s *Simulator) encodeRefusal(principal, action, resource string) string {
	decoded, _ := json.Marshal(map[string]any{ // strings only, so it cannot fail
		"allowed": false, "explicitDeny": false, "matchedStatements": map[string]any{"items": []any{}},
		"context": map[string]any{"principal": map[string]string{"arn": principal}, "action": action, "resource": resource},
	})
	encoded := strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(randomHex(160))), "=")
	s.decoded[encoded] = string(decoded)
	return encoded
}

// instance finds the instance that a parameter names.
func (c *call) instance(name string) (*instance, *APIError) {
	if refused := c.required(name); refused != nil {
		return nil, refused
	}
	found, refused := c.instances([]string{c.get(name)})
	if refused != nil {
		return nil, refused
	}
	return found[0], nil
}

// instances finds the instances with these ids; one that was terminated long ago is unknown.
func (c *call) instances(ids []string) ([]*instance, *APIError) {
	found, refused := c.region.instances.pick(instanceIDs, ids)
	if refused != nil {
		return nil, refused
	}
	for _, i := range found {
		if !c.region.known(i) {
			return nil, instanceIDs.notFound(i.id)
		}
	}
	return found, nil
}
