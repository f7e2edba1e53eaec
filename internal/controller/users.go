package controller

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

// UserID asks for the id of an account (cml-api.md 8.1). fault.NotFound: there
// is none of that name.
func (c *Client) UserID(ctx context.Context, username string) (string, error) {
	var id string
	if strings.ContainsAny(username, "/?#") {
		return "", fault.New(fault.NotFound, "%q is no name of an account", username)
	}
	err := c.Get(ctx, "/users/"+username+"/id", url.Values{}, &id)
	return id, err
}

// OwnUserID returns the id of the account that this client asks as: what its
// token says (claim sub, cml-api.md 2.1), else what CML says of its name or,
// where only the token is known, of that (2.10 and newer, cml-api.md 2.4).
func (c *Client) OwnUserID(ctx context.Context) (string, error) {
	token, err := c.token(ctx, "")
	if err != nil {
		return "", err
	}
	if id := subject(token); id != "" {
		return id, nil
	}
	if c.credentials.Username == "" {
		var me struct {
			ID string `json:"id"`
		}
		err := c.Get(ctx, "/authentication", nil, &me)
		if err == nil && me.ID == "" || fault.Is(err, fault.NotFound) {
			return "", fault.New(fault.NotFound, "the token does not tell whose it is")
		}
		return me.ID, err
	}
	return c.UserID(ctx, c.credentials.Username)
}

// Administrator reports whether the account that this client asks as is one
// (GET /users/{user_id}, cml-api.md 8.1).
func (c *Client) Administrator(ctx context.Context) (bool, error) {
	id, err := c.OwnUserID(ctx)
	if err != nil {
		return false, err
	}
	var user struct {
		Admin bool `json:"admin"`
	}
	err = c.Get(ctx, "/users/"+id, nil, &user)
	return user.Admin, err
}

// subject is the claim sub of a JSON Web Token, "" where there is none. Nobody
// relies on it for trust, so the signature does not matter.
func subject(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return ""
	}
	var claims struct {
		Sub any `json:"sub"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return ""
	}
	id, _ := claims.Sub.(string)
	return id
}
