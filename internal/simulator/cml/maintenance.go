package cml

import (
	"net/http"
	"slices"
	"time"
)

// Maintenance mode and notices: cml-api.md 8.3.

type maintenance struct {
	mode    bool
	notice  string // id of the notice shown with it
	notices []*notice
}

type notice struct {
	ID           string          `json:"id"`
	Level        string          `json:"level"`
	Label        string          `json:"label"`
	Content      string          `json:"content"`
	Enabled      bool            `json:"enabled"`
	Acknowledged map[string]bool `json:"acknowledged"`
	Groups       []string        `json:"groups"`
	activated    time.Time
}

func (m *Machine) maintenanceStatus() int {
	if m.switches.MaintenanceStatus != 0 {
		return m.switches.MaintenanceStatus
	}
	return http.StatusServiceUnavailable
}

// InMaintenance reports whether maintenance mode is on.
func (m *Machine) InMaintenance() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.maintenance.mode
}

// SetMaintenance does what an administrator would do in the user interface: it
// switches the mode, with a notice of that label, "" for none. It returns the
// notice's id.
func (m *Machine) SetMaintenance(on bool, label string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.maintenance.mode, m.maintenance.notice = on, ""
	if label != "" {
		n := &notice{ID: newID(), Level: "INFO", Label: label, Enabled: true, Acknowledged: map[string]bool{}, Groups: []string{}, activated: m.now()}
		m.maintenance.notices = append(m.maintenance.notices, n)
		m.maintenance.notice = n.ID
	}
	m.event("maintenance_state_change", map[string]any{"maintenance_mode": on})
	return m.maintenance.notice
}

// Notices are the labels of the notices that are shown to users, and the label
// of the one that is shown to who is kept out, "" for none.
func (m *Machine) Notices() (shown []string, outside string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.maintenance.notices {
		if n.Enabled {
			shown = append(shown, n.Label)
		}
		if n.ID == m.maintenance.notice {
			outside = n.Label
		}
	}
	return shown, outside
}

func (c *call) noticeDocument(n *notice) any {
	body := map[string]any{
		"id": n.ID, "level": n.Level, "label": n.Label, "content": n.Content,
		"enabled": n.Enabled, "acknowledged": n.Acknowledged, "groups": n.Groups,
	}
	if c.release.from(9) {
		body["activated"] = nil
		if n.Enabled {
			body["activated"] = n.activated.UTC().Format(labTime)
		}
	}
	return body
}

func (c *call) findNotice(id string) *notice {
	for _, n := range c.maintenance.notices {
		if n.ID == id {
			return n
		}
	}
	return nil
}

func (c *call) noticeOfPath() (*notice, *apiError) {
	if n := c.findNotice(c.params["notice_id"]); n != nil {
		return n, nil
	}
	return nil, failure(http.StatusNotFound, "Notice does not exist: %s.", c.params["notice_id"])
}

func (c *call) maintenanceDocument() map[string]any {
	body := map[string]any{"maintenance_mode": c.maintenance.mode, "notice": orNull(c.maintenance.notice), "resolved_notice": nil}
	if n := c.findNotice(c.maintenance.notice); n != nil && !c.switches.NoResolvedNotice {
		body["resolved_notice"] = c.noticeDocument(n)
	}
	return body
}

func (c *call) getMaintenance() (reply, *apiError) { return ok(c.maintenanceDocument()), nil }

func (c *call) patchMaintenance() (reply, *apiError) {
	body, err := c.object(map[string]schema{
		"maintenance_mode": {kind: boolKind, optional: true},
		"notice":           {kind: stringKind, optional: true, nullable: true},
	})
	if err != nil {
		return reply{}, err
	}
	if len(body) == 0 {
		return reply{}, invalid(problem{[]any{"body"}, "too_short", "Input should have at least 1 member"})
	}
	if id, given := body["notice"]; given {
		text, _ := id.(string)
		if text != "" && c.findNotice(text) == nil {
			return reply{}, failure(http.StatusNotFound, "Notice does not exist: %s.", text)
		}
		c.maintenance.notice = text
	}
	if mode, given := body["maintenance_mode"].(bool); given && mode != c.maintenance.mode {
		c.maintenance.mode = mode
		c.event("maintenance_state_change", map[string]any{"maintenance_mode": mode})
	}
	return ok(c.maintenanceDocument()), nil
}

func noticeMembers(optional bool) map[string]schema {
	return map[string]schema{
		"level":   {kind: stringKind, optional: optional, values: []string{"INFO", "SUCCESS", "WARNING", "ERROR"}},
		"label":   {kind: stringKind, optional: optional, minLength: 1, maxLength: 128},
		"content": {kind: stringKind, optional: true, maxLength: 8192},
		"enabled": {kind: boolKind, optional: true},
		"groups":  {kind: listKind, optional: true, items: &schema{kind: stringKind}},
	}
}

func (n *notice) fill(body map[string]any) {
	for name, into := range map[string]*string{"level": &n.Level, "label": &n.Label, "content": &n.Content} {
		if text, given := body[name].(string); given {
			*into = text
		}
	}
	if enabled, given := body["enabled"].(bool); given {
		n.Enabled = enabled
	}
	if groups, given := body["groups"].([]any); given {
		n.Groups = []string{}
		for _, group := range groups {
			n.Groups = append(n.Groups, group.(string))
		}
	}
}

func (c *call) getNotices() (reply, *apiError) {
	out := []any{}
	for _, n := range c.maintenance.notices {
		out = append(out, c.noticeDocument(n))
	}
	return ok(out), nil
}

func (c *call) postNotice() (reply, *apiError) {
	body, err := c.object(noticeMembers(false))
	if err != nil {
		return reply{}, err
	}
	n := &notice{ID: newID(), Acknowledged: map[string]bool{}, Groups: []string{}, activated: c.now()}
	n.fill(body)
	c.maintenance.notices = append(c.maintenance.notices, n)
	c.event("notice_state_change", map[string]any{"notice_id": n.ID})
	return ok(c.noticeDocument(n)), nil
}

func (c *call) getNotice() (reply, *apiError) {
	n, err := c.noticeOfPath()
	if err != nil {
		return reply{}, err
	}
	return ok(c.noticeDocument(n)), nil
}

func (c *call) patchNotice() (reply, *apiError) {
	n, err := c.noticeOfPath()
	if err != nil {
		return reply{}, err
	}
	body, err := c.object(noticeMembers(true))
	if err != nil {
		return reply{}, err
	}
	n.fill(body)
	return ok(c.noticeDocument(n)), nil
}

func (c *call) deleteNotice() (reply, *apiError) {
	n, err := c.noticeOfPath()
	if err != nil {
		return reply{}, err
	}
	c.maintenance.notices = slices.DeleteFunc(c.maintenance.notices, func(other *notice) bool { return other == n })
	if c.maintenance.notice == n.ID {
		c.maintenance.notice = ""
	}
	return noContent(), nil
}
