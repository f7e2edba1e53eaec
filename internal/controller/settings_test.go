package controller_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
)

var (
	pinA = strings.Repeat("a1", 32)
	pinB = strings.Repeat("b2", 32)
)

func TestMergeTakesTheFirstLayerThatSetsAMember(t *testing.T) {
	explicit := controller.Settings{Port: 8443, TLS: controller.TLS{ServerName: "cml"}}
	tag := controller.Settings{
		Port: 9443, Hostname: "lab.example.net", AddressPreference: []string{controller.PrivateIP},
		TLS: controller.TLS{Fingerprint: pinA},
	}
	provider := controller.Settings{
		Hostname: "other.example.net", Via: controller.ViaProxy,
		TLS:            controller.TLS{Fingerprint: pinB, CACert: "pem", ServerName: "other"},
		CredentialsRef: controller.Ref{SSMParameterName: "/cml/lab"},
	}
	want := controller.Settings{
		Hostname: "lab.example.net", Port: 8443, AddressPreference: []string{controller.PrivateIP}, Via: controller.ViaProxy,
		TLS:            controller.TLS{Trust: controller.TrustPinFirst, CACert: "pem", Fingerprint: pinA, ServerName: "cml"},
		CredentialsRef: controller.Ref{SSMParameterName: "/cml/lab"},
	}
	if diff := cmp.Diff(want, controller.Merge(explicit, tag, provider, controller.Defaults())); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
}

func TestMergeKeepsAnotherLayersPinFromARuleThatNeedsNone(t *testing.T) {
	pinned := controller.Settings{TLS: controller.TLS{Fingerprint: pinA}}
	tests := map[string]struct {
		first controller.TLS
		want  string
	}{
		"pin_first takes it":            {controller.TLS{Trust: controller.TrustPinFirst}, pinA},
		"no rule takes it":              {controller.TLS{}, pinA},
		"verify does not":               {controller.TLS{Trust: controller.TrustVerify}, ""},
		"insecure does not":             {controller.TLS{Trust: controller.TrustInsecure}, ""},
		"a pin of the same layer stays": {controller.TLS{Trust: controller.TrustVerify, Fingerprint: pinB}, pinB},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := controller.Merge(controller.Settings{TLS: test.first}, pinned, controller.Defaults()).TLS.Fingerprint
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	below := controller.Merge(pinned, controller.Settings{TLS: controller.TLS{Trust: controller.TrustVerify}})
	if below.TLS.Fingerprint != pinA {
		t.Error("a pin was lost to the rule of a later layer")
	}
}

func TestParseFingerprint(t *testing.T) {
	colons := strings.TrimSuffix(strings.Repeat("A1:", 32), ":")
	for _, text := range []string{pinA, colons, "sha256:" + pinA, "SHA256:" + colons, "sha256 Fingerprint=" + colons, " " + pinA + "\n"} {
		got, err := controller.ParseFingerprint(text)
		if err != nil || got != pinA {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	if got, err := controller.ParseFingerprint(""); got != "" || err != nil {
		t.Errorf("empty: got %q, %v", got, err)
	}
	for _, text := range []string{"a1", pinA + "00", strings.Repeat("zz", 32), strings.Repeat("a1", 20)} {
		if _, err := controller.ParseFingerprint(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, want fault.Invalid", text, err)
		}
	}
}

func TestTagsCarryTheSettings(t *testing.T) {
	tests := map[string]controller.Settings{
		"nothing": {},
		"everything": {
			Hostname: "lab.example.net", Port: 8443, AddressPreference: []string{controller.PrivateIP, controller.IPv6},
			TLS:            controller.TLS{Fingerprint: pinA},
			CredentialsRef: controller.Ref{SecretsManagerSecretID: "arn:aws:secretsmanager:us-east-1:111122223333:secret:cml-Ab12Cd"},
		},
		"parameter": {CredentialsRef: controller.Ref{SSMParameterName: "/cml/lab-01"}},
	}
	for name, settings := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(settings, controller.SettingsFromTags(settings.Tags())); diff != "" {
				t.Errorf("after the way through tags (-want +got):\n%s", diff)
			}
		})
	}
	got := tests["everything"].Tags()
	want := map[string]string{
		"hostname": "lab.example.net", "port": "8443", "address-preference": "private_ip ipv6", "tls-sha256": pinA,
		"credentials-ref": "secretsmanager:arn:aws:secretsmanager:us-east-1:111122223333:secret:cml-Ab12Cd",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestTagsLeaveOutWhatEC2Refuses(t *testing.T) {
	s := controller.Settings{Port: 443, CredentialsRef: controller.Ref{SSMParameterName: "/" + strings.Repeat("x", 300)}}
	if diff := cmp.Diff(map[string]string{"port": "443"}, s.Tags()); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

func TestSettingsFromTagsIgnoresNonsense(t *testing.T) {
	got := controller.SettingsFromTags(map[string]string{
		"hostname": " ", "port": "99999", "address-preference": "private_ip, nonsense,private_ip", "tls-sha256": "abc", "credentials-ref": "vault:x",
		"unrelated": "x",
	})
	want := controller.Settings{AddressPreference: []string{controller.PrivateIP}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
