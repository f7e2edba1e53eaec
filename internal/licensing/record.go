package licensing

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// The managed tags, without prefix, of a worker that is registered. A run that
// is killed leaves no state, and these are what the next one has instead.
const (
	// tagToken says which version of the token a server that had a registration
	// already was registered with: "2 after 2026-03-01T09:14:41Z" while that is
	// under way, with the date of the registration before, and "2 at …", with
	// its own, from then on.
	tagToken = "license-token"
	// tagUDI is the UDI under which the worker is counted.
	tagUDI = "license-udi"
)

// dated tells one registration from another: by when it was asked for or, where
// CML does not say, by when it ends; "none" where nothing does.
func dated(l controller.Licensing) string {
	for _, text := range []string{l.Registration.RegisterTime.Attempted, l.Registration.Expires} {
		if at, ok := controller.ParseLicenseTime(text); ok {
			return at.Format(time.RFC3339)
		}
	}
	return "none"
}

func (req Request) under(how string, l controller.Licensing) string {
	version := req.Version
	if version == "" {
		version = "-"
	}
	return fmt.Sprintf("%s %s %s", version, how, dated(l))
}

// made reports whether the registration is the one that an earlier run has
// asked for with this version of the token.
func (s *server) made(req Request, l controller.Licensing) bool {
	tag := s.tag(tagToken)
	if dated(l) == "none" || tag == "" {
		return false
	}
	begun, done := req.under("after", l), req.under("at", l)
	prefix := strings.TrimSuffix(begun, dated(l))
	return tag == done || strings.HasPrefix(tag, prefix) && tag != begun
}

func (s *server) tag(name string) string { return s.in.Tags[s.Instances.ManagedTags().Key(name)] }

// note writes tags on the worker, where they are not as they should be. They
// only help a later run, so that a failure is none of this one's.
func (s *server) note(ctx context.Context, tags map[string]string) {
	managed := s.Instances.ManagedTags()
	set := map[string]string{}
	for name, value := range tags {
		if s.tag(name) != value {
			set[managed.Key(name)] = value
		}
	}
	if managed.Enabled && len(set) > 0 {
		_ = s.Instances.SyncTags(ctx, []string{s.InstanceID}, set, nil)
	}
}

// begins notes a registration before it is asked for.
func (s *server) begins(ctx context.Context, req Request, before controller.Licensing) {
	tags := map[string]string{}
	if req.Again {
		tags[tagToken] = req.under("after", before)
	}
	if udi := before.UDI.ProductUUID; udi != "" {
		tags[tagUDI] = udi
	}
	s.note(ctx, tags)
}

// holds notes a registration that is there.
func (s *server) holds(ctx context.Context, req Request, out *Result) {
	tags := map[string]string{}
	if req.Again && !out.Inherited {
		tags[tagToken] = req.under("at", out.Licensing)
	}
	if udi := out.Licensing.UDI.ProductUUID; udi != "" && !out.Inherited {
		tags[tagUDI] = udi
	}
	s.note(ctx, tags)
}

// forget removes what is noted of a registration that was given back.
func (w *Worker) forget(ctx context.Context, in *instance.Instance) {
	managed := w.Instances.ManagedTags()
	var gone []string
	for _, name := range []string{tagToken, tagUDI} {
		if key := managed.Key(name); in.Tags[key] != "" {
			gone = append(gone, key)
		}
	}
	if managed.Enabled && len(gone) > 0 {
		_ = w.Instances.SyncTags(ctx, []string{w.InstanceID}, nil, gone)
	}
}

// alone refuses a worker whose UDI another one is registered under, in whatever
// run. What came with an image and is used as it is shares it on purpose.
func (s *server) alone(ctx context.Context, req Request, l controller.Licensing) error {
	managed, udi := s.Instances.ManagedTags(), l.UDI.ProductUUID
	if !managed.Enabled || udi == "" || req.AdoptInherited && Inherited(l, s.in) {
		return nil
	}
	key := managed.Key(tagUDI)
	// Where nobody can look, nobody knows of another one.
	others, _ := s.Instances.Search(ctx, instance.Query{Tags: map[string]string{key: udi}})
	for _, other := range others {
		if other.ID != s.InstanceID {
			refusal := Shared(s.InstanceID, other.ID, udi)
			refusal.Next += fmt.Sprintf(" If %s is not registered any more, remove its tag `%s`.", other.ID, key)
			return refusal
		}
	}
	return nil
}

// Shared is the error for two workers under one UDI.
func Shared(id, other, udi string) *Error {
	return &Error{Kind: fault.WrongState,
		Text: fmt.Sprintf("worker %s and worker %s have the same UDI %q: they come from an image of a registered machine, and the licence servers take them for one product", id, other, udi),
		Next: "launch them from an image that was made of a machine without registration."}
}
