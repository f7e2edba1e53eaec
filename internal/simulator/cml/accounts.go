package cml

import (
	"crypto/rand"
	"fmt"
	"time"
)

// BuiltinAdminID is the fixed id of the administrator of a fresh system (cml-api.md 8.2).
const BuiltinAdminID = "00000000-0000-4000-a000-000000000000"

// account is a user of CML.
type account struct {
	id, username, password string
	fullname, description  string
	email                  *string
	admin                  bool
	created, modified      time.Time
	// epoch rises when all tokens of the account become void (cml-api.md 2.5).
	epoch int
	// observed is when the last user_activity entry was made.
	observed time.Time
}

// session is an issued token.
type session struct {
	userID  string
	epoch   int
	expires time.Time
}

type accounts struct {
	users    []*account // in the order of creation
	sessions map[string]*session
	lifetime time.Duration
	// failures counts wrong logins in a row, blocked is until when they cost (Switches.LoginLimit).
	failures int
	blocked  time.Time
}

// defaultLifetime of a token is that of the example in the schema (cml-api.md 2.1).
const defaultLifetime = 24 * time.Hour

func newAccounts(admin Credentials, now time.Time) accounts {
	return accounts{
		users: []*account{{
			id: BuiltinAdminID, username: admin.Username, password: admin.Password,
			admin: true, created: now, modified: now,
		}},
		sessions: map[string]*session{},
		lifetime: defaultLifetime,
	}
}

// setAdmin renames the built-in administrator.
func (a *accounts) setAdmin(to Credentials) {
	if user := a.byID(BuiltinAdminID); user != nil {
		user.username, user.password = to.Username, to.Password
		user.epoch++
	}
}

func (a *accounts) byID(id string) *account {
	for _, user := range a.users {
		if user.id == id {
			return user
		}
	}
	return nil
}

func (a *accounts) byName(name string) *account {
	for _, user := range a.users {
		if user.username == name {
			return user
		}
	}
	return nil
}

// newID is a UUID version 4 in lower case, the form of all of CML's ids (cml-api.md 1).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
