package cml

import (
	"net/http"
	"regexp"
	"slices"
	"time"
)

// The licensing operations: cml-api.md 5.2 to 5.8.

var (
	tokenPattern   = regexp.MustCompile(`^[a-zA-Z\d+/%=-]{1,256}$`)
	productPattern = regexp.MustCompile(`^\w{1,20}$`)
	featurePattern = regexp.MustCompile(`^[a-zA-Z\d._,-]{1,128}$`)
	ssmsPattern    = regexp.MustCompile(`^https?://[^\s/]+/\S*$`)

	products = []string{enterprise, "CML_Personal", "CML_Personal40", "CML_Education", "CML_Internal", "CML_NotForResale"}
)

// licensingIssue is the form of the agent's refusals.
func licensingIssue(status int, text string) *apiError {
	return failure(status, "Licensing issue: %s", text)
}

// changed is the answer of a successful operation: without a body up to 2.10,
// with the status document from 2.11.
func (c *call) changed(status int) (reply, *apiError) {
	if c.release.before(11) && !c.switches.EarlyStatusBodies {
		return reply{status: status}, nil
	}
	if status == http.StatusNoContent {
		status = http.StatusOK
	}
	return reply{status: status, body: c.licensingDocument()}, nil
}

// occupied is the 409 of the operations that document one.
func (c *call) occupied() *apiError {
	if c.switches.LicensingBusy || c.licence.busy {
		return licensingIssue(http.StatusConflict, "Another licensing operation is in progress.")
	}
	return nil
}

func (c *call) getLicensing() (reply, *apiError) { return ok(c.licensingDocument()), nil }

func (c *call) putProduct() (reply, *apiError) {
	value, err := c.decode(schema{kind: stringKind, pattern: productPattern})
	if err != nil {
		return reply{}, err
	}
	l, product := &c.licence, value.(string)
	switch {
	case product == l.product:
		return reply{}, licensingIssue(http.StatusBadRequest, "The product license is already "+product+".")
	case l.registered() && !c.switches.ProductWhileRegistered:
		return reply{}, licensingIssue(http.StatusBadRequest, "The product license cannot be changed while the product is registered.")
	case !slices.Contains(products, product) && !c.switches.AnyProduct:
		return reply{}, licensingIssue(http.StatusBadRequest, "Unknown product license "+product+".")
	}
	l.product, l.nodes = product, 0
	return c.changed(http.StatusNoContent)
}

func (c *call) putTransport() (reply, *apiError) {
	body, err := c.object(map[string]schema{
		"ssms": {kind: stringKind, optional: true, nullable: true, maxLength: 256, pattern: ssmsPattern},
		"proxy": {kind: objectKind, optional: c.release.from(11), members: map[string]schema{
			"server": {kind: stringKind, nullable: true, minLength: 1, maxLength: 256},
			"port":   {kind: integerKind, nullable: true, min: 1, max: 65535},
		}},
	})
	if err != nil {
		return reply{}, err
	}
	l := &c.licence
	if ssms, given := body["ssms"]; given {
		l.ssms, _ = ssms.(string)
		if l.ssms == "" {
			l.ssms = defaultSSMS
		}
	}
	if proxy, given := body["proxy"].(map[string]any); given {
		l.proxyServer, _ = proxy["server"].(string)
		l.proxyPort, _ = proxy["port"].(int)
	}
	return c.changed(http.StatusNoContent)
}

func (c *call) postRegistration() (reply, *apiError) {
	body, err := c.object(map[string]schema{
		"token":      {kind: stringKind, pattern: tokenPattern},
		"reregister": {kind: boolKind, optional: true},
	})
	if err != nil {
		return reply{}, err
	}
	if err := c.occupied(); err != nil {
		return reply{}, err
	}
	again, _ := body["reregister"].(bool)
	switch l := &c.licence; {
	case l.reservation:
		return reply{}, licensingIssue(http.StatusConflict, "The product is in reservation mode.")
	case l.status == inProgress:
		return reply{}, licensingIssue(http.StatusConflict, "The registration is in progress.")
	case l.registered() && !again && !c.switches.RegisterAgain:
		return reply{}, licensingIssue(http.StatusConflict, "The product is already registered.")
	}
	c.beginRegistration(body["token"].(string))
	if c.switches.AcceptedRegistration && (c.release.from(11) || c.switches.EarlyStatusBodies) {
		return c.changed(http.StatusAccepted)
	}
	return c.changed(http.StatusNoContent)
}

func (c *call) putRegistrationRenew() (reply, *apiError) {
	return c.renew((*Machine).renewRegistration)
}

func (c *call) putAuthorizationRenew() (reply, *apiError) {
	return c.renew((*Machine).authorize)
}

func (c *call) renew(step func(*Machine)) (reply, *apiError) {
	if err := c.occupied(); err != nil {
		return reply{}, err
	}
	if !c.licence.registered() {
		return reply{}, licensingIssue(http.StatusBadRequest, "The product is not registered.")
	}
	c.later(c.timing.Renew, step)
	return c.changed(http.StatusNoContent)
}

func (c *call) deleteDeregistration() (reply, *apiError) {
	if err := c.occupied(); err != nil {
		return reply{}, err
	}
	switch l := &c.licence; {
	case l.status == inProgress:
		return reply{}, licensingIssue(http.StatusConflict, "The registration is in progress.")
	case c.labs.running() > 0:
		return reply{}, licensingIssue(http.StatusBadRequest, "Cannot de-register when nodes are running.")
	case l.status == notRegistered || l.status == failed:
		return reply{}, licensingIssue(http.StatusBadRequest, "The product has already been de-registered.")
	}
	c.licence.busy = true
	return reply{hold: c.timing.Deregister, then: c.deregister}, nil
}

func (c *call) deregister() reply {
	status := http.StatusAccepted // SSMS could not be told: still counted there
	if c.reachesSSMS() {
		status = http.StatusNoContent
		c.fleet.ssms.Remove(c.licence.udi)
	}
	c.forgetRegistration()
	out, err := c.changed(status)
	if err != nil {
		return refuse(err)
	}
	return out
}

func (c *call) getFeatures() (reply, *apiError) { return ok(c.features()), nil }

func (c *call) patchFeatures() (reply, *apiError) {
	counts, err := c.featureCounts()
	if err != nil {
		return reply{}, err
	}
	features := c.features()
	for id, count := range counts { // all or nothing: check before any change
		i := slices.IndexFunc(features, func(f feature) bool { return f.ID == id })
		if i < 0 {
			return reply{}, licensingIssue(http.StatusBadRequest, "Unknown feature "+id+".")
		}
		if count < features[i].Min || count > features[i].Max {
			return reply{}, licensingIssue(http.StatusBadRequest, "The count of feature "+id+" is out of range.")
		}
	}
	if count, given := counts[nodeFeature]; given {
		c.licence.nodes = count
		c.fleet.ssms.update(c.licence.udi, count)
	}
	if c.licence.registered() {
		c.later(c.timing.Authorize, (*Machine).authorize)
	}
	return c.changed(http.StatusNoContent)
}

// featureCounts reads either form of the body: the array, and up to 2.8 also the map.
func (c *call) featureCounts() (map[string]int, *apiError) {
	counts := map[string]int{}
	count := schema{kind: integerKind}
	if c.release.before(9) && len(c.body) > 0 && c.body[0] == '{' {
		members := map[string]schema{}
		for _, f := range c.features() {
			one := count
			one.optional = true
			members[f.ID] = one
		}
		body, err := c.object(members)
		if err != nil {
			return nil, err
		}
		if len(body) == 0 {
			return nil, invalid(problem{[]any{"body"}, "too_short", "Input should have at least 1 item"})
		}
		for id, n := range body {
			counts[id] = n.(int)
		}
		return counts, nil
	}
	value, err := c.decode(schema{kind: listKind, min: 1, max: 2, items: &schema{kind: objectKind, members: map[string]schema{
		"id": {kind: stringKind, pattern: featurePattern}, "count": count,
	}}})
	if err != nil {
		return nil, err
	}
	for _, item := range value.([]any) {
		one := item.(map[string]any)
		counts[one["id"].(string)] = one["count"].(int)
	}
	return counts, nil
}

func (c *call) getTechSupport() (reply, *apiError) {
	return ok("Smart Licensing Tech Support info\n\nSmart Licensing Status\n======================\nRegistration: " +
		c.registrationStatus() + "\nAuthorization: " + c.authorizationStatus() + "\nPrinted: " + c.now().UTC().Format(time.RFC1123) + "\n"), nil
}

func (c *call) putReservationMode() (reply, *apiError) {
	value, err := c.decode(schema{kind: boolKind})
	if err != nil {
		return reply{}, err
	}
	on := value.(bool)
	if c.licence.registered() || c.licence.reservation == on {
		return reply{}, licensingIssue(http.StatusConflict, "The reservation mode cannot be changed now.")
	}
	c.licence.reservation = on
	return c.changed(http.StatusNoContent)
}
