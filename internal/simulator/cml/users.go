package cml

import (
	"net/http"
	"slices"
	"strings"
)

// Users and passwords: cml-api.md 8.1.

const minPassword = 8

// commonPasswords stands for the word list of a real server.
var commonPasswords = []string{"password", "password1", "12345678", "123456789", "qwertyuiop", "changeme", "administrator"}

func policy(password string) *apiError {
	switch {
	case len(password) < minPassword:
		return failure(http.StatusForbidden, "Password validation failure! Reason: Length is less than %d characters", minPassword)
	case slices.Contains(commonPasswords, strings.ToLower(password)):
		return failure(http.StatusForbidden, "Password validation failure! Reason: password in common word list")
	}
	return nil
}

func (c *call) userDocument(user *account) map[string]any {
	labs := []string{}
	for _, one := range c.labs.all {
		if one.owner == user.id {
			labs = append(labs, one.id)
		}
	}
	body := map[string]any{
		"id": user.id, "username": user.username, "fullname": user.fullname, "description": user.description,
		"email": user.email, "admin": user.admin, "groups": []string{}, "associations": []any{},
		"resource_pool": nil, "opt_in": c.optInValue(), "tour_version": "", "directory_dn": "", "labs": labs,
		"created": user.created.UTC().Format(labTime), "modified": user.modified.UTC().Format(labTime), "pubkey_info": "",
	}
	if c.release.from(10) {
		body["auth_source"], body["last_login"] = "local", nil
	}
	return body
}

func (c *call) getUsers() (reply, *apiError) {
	out := []any{}
	for _, user := range c.accounts.users {
		out = append(out, c.userDocument(user))
	}
	return ok(out), nil
}

func (c *call) getUserID() (reply, *apiError) {
	user := c.accounts.byName(c.params["username"])
	if user == nil {
		return reply{}, failure(http.StatusNotFound, "User does not exist: %s.", c.params["username"])
	}
	return ok(user.id), nil
}

// account finds the account of the path; ordinary users may see their own only.
func (c *call) account() (*account, *apiError) {
	if !c.user.admin && c.user.id != c.params["user_id"] {
		return nil, failure(http.StatusForbidden, "User does not have permission to perform this action.")
	}
	user := c.accounts.byID(c.params["user_id"])
	if user == nil {
		return nil, failure(http.StatusNotFound, "User does not exist: %s.", c.params["user_id"])
	}
	return user, nil
}

func (c *call) getUser() (reply, *apiError) {
	user, err := c.account()
	if err != nil {
		return reply{}, err
	}
	return ok(c.userDocument(user)), nil
}

// profile are the members that creating and changing a user have in common.
func profile() map[string]schema {
	return map[string]schema{
		"fullname":    {kind: stringKind, optional: true, maxLength: 128},
		"description": {kind: stringKind, optional: true, maxLength: 4096},
		"email":       {kind: stringKind, optional: true, nullable: true, maxLength: 128},
		"admin":       {kind: boolKind, optional: true},
	}
}

func (u *account) fill(body map[string]any) {
	for name, into := range map[string]*string{"username": &u.username, "fullname": &u.fullname, "description": &u.description} {
		if text, given := body[name].(string); given {
			*into = text
		}
	}
	if email, given := body["email"]; given {
		u.email = nil
		if text, is := email.(string); is {
			u.email = &text
		}
	}
}

func (c *call) postUser() (reply, *apiError) {
	members := profile()
	members["username"] = schema{kind: stringKind, minLength: 1, maxLength: 32}
	members["password"] = schema{kind: stringKind}
	body, err := c.object(members)
	if err != nil {
		return reply{}, err
	}
	if c.accounts.byName(body["username"].(string)) != nil {
		return reply{}, failure(http.StatusUnprocessableEntity, "User already exists: %s.", body["username"])
	}
	if err := policy(body["password"].(string)); err != nil {
		return reply{}, err
	}
	now := c.now()
	user := &account{id: newID(), password: body["password"].(string), created: now, modified: now}
	user.admin, _ = body["admin"].(bool)
	user.fill(body)
	c.accounts.users = append(c.accounts.users, user)
	return reply{status: http.StatusCreated, body: c.userDocument(user)}, nil
}

func (c *call) patchUser() (reply, *apiError) {
	user, err := c.account()
	if err != nil {
		return reply{}, err
	}
	own := user == c.user
	members := profile()
	members["username"] = schema{kind: stringKind, optional: true, minLength: 1, maxLength: 32}
	members["password"] = schema{kind: objectKind, optional: true, members: map[string]schema{
		// From 2.10 the old one is needed for the own account; an administrator's is not checked before.
		"old_password": {kind: stringKind, optional: !(own && c.release.from(10))},
		"new_password": {kind: stringKind},
	}}
	body, err := c.object(members)
	if err != nil {
		return reply{}, err
	}
	if change, given := body["password"].(map[string]any); given {
		old, _ := change["old_password"].(string)
		mustMatch := !c.user.admin || own && c.release.from(10)
		if mustMatch && old != user.password {
			return reply{}, failure(http.StatusForbidden, "Password validation failure! Reason: old password does not match")
		}
		if err := policy(change["new_password"].(string)); err != nil {
			return reply{}, err
		}
	}
	if name, given := body["username"].(string); given {
		if other := c.accounts.byName(name); other != nil && other != user {
			return reply{}, failure(http.StatusUnprocessableEntity, "User already exists: %s.", name)
		}
	}
	if admin, given := body["admin"].(bool); given && admin != user.admin {
		if !c.user.admin {
			return reply{}, failure(http.StatusForbidden, "User does not have permission to perform this action.")
		}
		user.admin = admin
		user.epoch++
	}
	if change, given := body["password"].(map[string]any); given {
		user.password = change["new_password"].(string)
		user.epoch++
	}
	user.fill(body)
	user.modified = c.now()
	return ok(c.userDocument(user)), nil
}

func (c *call) deleteUser() (reply, *apiError) {
	user, err := c.account()
	if err != nil {
		return reply{}, err
	}
	if user == c.user {
		return reply{}, failure(http.StatusBadRequest, "Users cannot delete themselves.")
	}
	c.accounts.users = slices.DeleteFunc(c.accounts.users, func(a *account) bool { return a == user })
	return noContent(), nil
}
