package controller_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
)

func TestLicenseStatus(t *testing.T) {
	tests := []struct {
		registration, authorization string
		reservation                 bool
		want                        string
		valid                       bool
	}{
		{"COMPLETED", "IN_COMPLIANCE", false, controller.LicenseRegistered, true},
		{"REGISTERED", "IN_COMPLIANCE", false, controller.LicenseRegistered, true},
		{"COMPLETED", "INIT", false, controller.LicenseRegistered, false}, // the second lags the first
		{"COMPLETED", "OUT_OF_COMPLIANCE", false, controller.LicenseInvalid, false},
		{"COMPLETED", "AUTHORIZATION_EXPIRED", false, controller.LicenseExpired, false},
		{"EXPIRED", "IN_COMPLIANCE", false, controller.LicenseExpired, false},
		{"FAILED", "EVAL", false, controller.LicenseInvalid, false},
		{"RETRY_FAILED", "EVAL", false, controller.LicenseInvalid, false},
		{"NOT_REGISTERED", "EVAL", false, controller.LicenseEvaluation, false},
		{"NOT_REGISTERED", "EVAL_EXPIRED", false, controller.LicenseUnregistered, false}, // nothing is counted
		{"NOT_REGISTERED", "AUTHORIZATION_EXPIRED", false, controller.LicenseUnregistered, false},
		{"FAILED", "EVAL_EXPIRED", false, controller.LicenseInvalid, false},
		{"IN_PROGRESS", "EVAL_EXPIRED", false, controller.LicenseUnregistered, false},
		{"COMPLETED", "EVAL_EXPIRED", false, controller.LicenseRegistered, false}, // lags as INIT does
		{"SOMETHING_NEW", "AUTHORIZATION_EXPIRED", false, controller.LicenseExpired, false},
		{"NOT_REGISTERED", "INIT", false, controller.LicenseUnregistered, false},
		{"NOT_REGISTERED", "", false, controller.LicenseUnregistered, false},
		{"IN_PROGRESS", "INIT", false, controller.LicenseUnregistered, false},
		{"RETRY_IN_PROGRESS", "EVAL", false, controller.LicenseEvaluation, false},
		{"RESERVATION_IN_PROGRESS", "NOT_AUTHORIZED", true, controller.LicenseUnregistered, false},
		{"RESERVED", "IN_COMPLIANCE", true, controller.LicenseRegistered, false},
		{"", "", false, controller.LicenseUnknown, false},
		{"SOMETHING_NEW", "SOMETHING_ELSE", false, controller.LicenseUnknown, false},
	}
	for _, test := range tests {
		var l controller.Licensing
		l.Registration.Status, l.Authorization.Status, l.ReservationMode = test.registration, test.authorization, test.reservation
		if got := controller.LicenseStatus(l); got != test.want {
			t.Errorf("%s/%s: got %s, want %s", test.registration, test.authorization, got, test.want)
		}
		if l.Valid() != test.valid {
			t.Errorf("%s/%s: valid is %v", test.registration, test.authorization, l.Valid())
		}
	}
}

func TestParseLicenseTime(t *testing.T) {
	want := time.Date(2027, 3, 1, 9, 15, 0, 0, time.UTC)
	for _, text := range []string{"2027-03-01 09:15:00", "2027-03-01T09:15:00", "2027-03-01T09:15:00Z", "2027-03-01T10:15:00+01:00", " 2027-03-01 09:15:00 "} {
		got, ok := controller.ParseLicenseTime(text)
		if !ok || !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%q: got %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "never", "2027-13-01 09:15:00"} {
		if got, ok := controller.ParseLicenseTime(text); ok {
			t.Errorf("%q: got %v", text, got)
		}
	}
}

// Releases differ in how they write a number, and what they leave out.
func TestLicensingNumbers(t *testing.T) {
	var l controller.Licensing
	text := `{"features": [{"id": "a,CML_NODE_COUNT,b", "in_use": 12.0, "min": 0, "max": 5e2}, {"id": "c", "in_use": null, "max": null}],
		"transport": {"ssms": null, "proxy": {"server": "p", "port": 3128.0}}}`
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		t.Fatal(err)
	}
	node, ok := l.NodeFeature()
	if !ok || node.InUse != 12 || node.Min == nil || *node.Min != 0 || node.Max == nil || *node.Max != 500 || l.Transport.Proxy.Port != 3128 {
		t.Errorf("%+v", l)
	}
	if other := l.Features[1]; other.InUse != 0 || other.Min != nil || other.Max != nil {
		t.Errorf("%+v", other)
	}
	for _, bad := range []string{`1.5`, `1e300`, `"1"`, `true`} {
		if n := controller.Whole(7); json.Unmarshal([]byte(bad), &n) == nil {
			t.Errorf("%s is %d", bad, n)
		}
	}
}
