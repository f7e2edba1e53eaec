package controller

import (
	"context"
	"net/http"
)

// Notice is a text that CML shows to its users (cml-api.md 8.3).
type Notice struct {
	ID      string `json:"id"`
	Level   string `json:"level"`
	Label   string `json:"label"`
	Content string `json:"content"`
	Enabled bool   `json:"enabled"`
}

// Maintenance is the maintenance mode, in which CML keeps out everybody but
// its administrators (cml-api.md 8.3).
type Maintenance struct {
	On bool `json:"maintenance_mode"`
	// NoticeID is the notice that is shown to who is kept out, "" for none;
	// Notice is that notice, nil also where CML does not send it along.
	NoticeID string  `json:"notice"`
	Notice   *Notice `json:"resolved_notice"`
}

const (
	maintenancePath = "/system/maintenance_mode"
	noticesPath     = "/system/notices"
)

// Maintenance asks for the maintenance mode.
func (c *Client) Maintenance(ctx context.Context) (Maintenance, error) {
	var m Maintenance
	err := c.Get(ctx, maintenancePath, nil, &m)
	return m, err
}

// PublicMaintenance asks for the same without an account, as CML lets everybody
// do; like SystemInformation it sends no secret and does not verify.
func (c *Client) PublicMaintenance(ctx context.Context) (Maintenance, error) {
	var m Maintenance
	call := Call{Method: http.MethodGet, Path: maintenancePath, Out: &m}
	reply, err := c.send(ctx, c.open, call, "")
	if err != nil {
		return m, err
	}
	return m, c.decode(call, reply)
}

// SetMaintenance switches the maintenance mode and chooses its notice, "" for
// none, in one request. fault.PermissionDenied: the account is no administrator's.
func (c *Client) SetMaintenance(ctx context.Context, on bool, noticeID string) error {
	body := struct {
		On     bool    `json:"maintenance_mode"`
		Notice *string `json:"notice"`
	}{On: on}
	if noticeID != "" {
		body.Notice = &noticeID
	}
	_, err := c.Do(ctx, Call{Method: http.MethodPatch, Path: maintenancePath, Body: body})
	return err
}

// Notices lists all notices.
func (c *Client) Notices(ctx context.Context) ([]Notice, error) {
	var all []Notice
	err := c.Get(ctx, noticesPath, nil, &all)
	return all, err
}

// noticeBody is what a notice is made of; a label has 1 to 128 characters, a
// content at most 8192.
type noticeBody struct {
	Level   string   `json:"level"`
	Label   string   `json:"label"`
	Content string   `json:"content"`
	Enabled bool     `json:"enabled"`
	Groups  []string `json:"groups"`
}

// CreateNotice shows a warning to all users. CML has no token for it, so an
// answer that is lost may have made one: look before asking again.
func (c *Client) CreateNotice(ctx context.Context, label, content string) (Notice, error) {
	var n Notice
	_, err := c.Do(ctx, Call{Method: http.MethodPost, Path: noticesPath, Out: &n,
		Body: noticeBody{Level: "WARNING", Label: label, Content: content, Enabled: true, Groups: []string{}}})
	return n, err
}

// LabelNotice changes the label of a notice and shows it.
func (c *Client) LabelNotice(ctx context.Context, id, label string) error {
	_, err := c.Do(ctx, Call{Method: http.MethodPatch, Path: noticesPath + "/" + id, Body: struct {
		Label   string `json:"label"`
		Enabled bool   `json:"enabled"`
	}{label, true}})
	return err
}

// DeleteNotice removes a notice. fault.NotFound: there is none.
func (c *Client) DeleteNotice(ctx context.Context, id string) error {
	_, err := c.Do(ctx, Call{Method: http.MethodDelete, Path: noticesPath + "/" + id})
	return err
}
