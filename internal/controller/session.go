package controller

import (
	"context"
	"net/http"
)

// Token returns the token of the client's session, logging in if there is none
// yet. A client whose Transport has no Sessions has one of its own, which
// nobody else uses. A token of the credentials is returned as it is. Errors
// are those of Authenticate.
func (c *Client) Token(ctx context.Context) (string, error) { return c.token(ctx, "") }

// AuthOK reports by a nil error that CML accepts the token (cml-api.md 2.3).
func (c *Client) AuthOK(ctx context.Context) error {
	_, err := c.Do(ctx, Call{Method: http.MethodGet, Path: "/authok"})
	return err
}

// Logout ends the session of the client's token (cml-api.md 2.5). A client
// without a token of the credentials logs in for it, so give it one.
// fault.Credentials: the token was dead already.
func (c *Client) Logout(ctx context.Context) error {
	_, err := c.Do(ctx, Call{Method: http.MethodDelete, Path: "/logout"})
	return err
}
