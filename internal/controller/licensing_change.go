package controller

import (
	"context"
	"net/http"
	"strings"
	"time"
)

// NodeCountFeature is the part that every id of the feature of expansion nodes
// has. The rest differs between releases and products, so the id itself is
// always taken from the features list (cml-api.md 5.5).
const NodeCountFeature = "CML_NODE_COUNT"

// deregisterLimit is the least that a de-registration may take: CML answers
// only when Cisco's servers have, or have not (cml-api.md 5.7).
const deregisterLimit = 120 * time.Second

// NodeFeature returns the feature that counts expansion nodes. ok is false for
// a product without it.
func (l Licensing) NodeFeature() (feature LicenseFeature, ok bool) {
	for _, f := range l.Features {
		if strings.Contains(f.ID, NodeCountFeature) {
			return f, true
		}
	}
	return LicenseFeature{}, false
}

// LicenseTransport is the way from CML to Cisco's licence servers. Empty
// members are sent as null: SSMS then is Cisco's own, and there is no proxy
// (cml-api.md 5.4).
type LicenseTransport struct {
	SSMS, ProxyServer string
	ProxyPort         int
}

// SetProductLicense chooses the product. It fails with fault.Invalid also for
// the product that is chosen already, and on a registered server (cml-api.md 5.3).
func (c *Client) SetProductLicense(ctx context.Context, product string) error {
	_, err := c.Do(ctx, Call{Method: http.MethodPut, Path: "/licensing/product_license", Body: product})
	return err
}

// SetLicenseTransport sets the way to the licence servers. Up to 2.10 the
// method is PUT, from 2.11 on PATCH (cml-api.md 5.2).
func (c *Client) SetLicenseTransport(ctx context.Context, t LicenseTransport) error {
	type proxy struct {
		Server *string `json:"server"`
		Port   *int    `json:"port"`
	}
	var body struct {
		SSMS  *string `json:"ssms"`
		Proxy proxy   `json:"proxy"`
	}
	if t.SSMS != "" {
		body.SSMS = &t.SSMS
	}
	if t.ProxyServer != "" {
		body.Proxy.Server = &t.ProxyServer
	}
	if t.ProxyPort != 0 {
		body.Proxy.Port = &t.ProxyPort
	}
	call := Call{Method: http.MethodPut, Path: "/licensing/transport", Body: body}
	status, err := c.Do(ctx, call)
	// A router without the method says 405, one that knows other routes of the
	// path only may say 404.
	if status == http.StatusMethodNotAllowed || status == http.StatusNotFound {
		call.Method = http.MethodPatch
		_, err = c.Do(ctx, call)
	}
	return err
}

// RegisterLicense asks the agent to register with a token. Success means that
// the request was taken, no more: a token that is not valid shows in Licensing
// later (cml-api.md 5.6). fault.WrongState: not at this time. No text that is
// returned holds the token.
func (c *Client) RegisterLicense(ctx context.Context, token string, reregister bool) error {
	body := struct {
		Token      string `json:"token"`
		Reregister bool   `json:"reregister"`
	}{token, reregister}
	_, err := c.Do(ctx, Call{Method: http.MethodPost, Path: "/licensing/registration", Body: body, Secrets: []string{token}})
	return err
}

// RenewRegistration asks for a renewal, which shows in Licensing later as
// another date. fault.WrongState: not at this time.
func (c *Client) RenewRegistration(ctx context.Context) error {
	_, err := c.Do(ctx, Call{Method: http.MethodPut, Path: "/licensing/registration/renew"})
	return err
}

// RenewAuthorization asks for a renewal as RenewRegistration does.
func (c *Client) RenewAuthorization(ctx context.Context) error {
	_, err := c.Do(ctx, Call{Method: http.MethodPut, Path: "/licensing/authorization/renew"})
	return err
}

// SetLicenseFeature sets the count of one feature, by the id that the features
// list has for it. The array is the form that every release takes (cml-api.md 5.5).
func (c *Client) SetLicenseFeature(ctx context.Context, id string, count int) error {
	type feature struct {
		ID    string `json:"id"`
		Count int    `json:"count"`
	}
	_, err := c.Do(ctx, Call{Method: http.MethodPatch, Path: "/licensing/features", Body: []feature{{id, count}}})
	return err
}

// Deregistration is what CML answered to a de-registration that it took.
type Deregistration struct {
	// Unconfirmed: CML has forgotten the registration, but Cisco's servers
	// could not be told. They count it until a person removes it (cml-api.md 5.7).
	Unconfirmed bool
}

// DeregisterLicense gives the registration back. fault.Invalid has two
// meanings that only Licensing and NodesRunning tell apart: there is none, or
// nodes are running. fault.WrongState: not at this time. fault.Unreachable,
// fault.NotReady and fault.Server leave open whether it happened. The limit of the request is
// two minutes, or Transport.RequestTimeout if that is longer.
func (c *Client) DeregisterLicense(ctx context.Context) (Deregistration, error) {
	status, err := c.Do(ctx, Call{
		Method: http.MethodDelete, Path: "/licensing/deregistration",
		Timeout: max(deregisterLimit, c.transport.requestTimeout()),
	})
	return Deregistration{Unconfirmed: status == http.StatusAccepted}, err
}
