package controller

import (
	"slices"
	"strconv"
	"strings"
)

// Names of the managed tags, without their prefix.
const (
	tagHostname   = "hostname"
	tagPort       = "port"
	tagPreference = "address-preference"
	tagPin        = "tls-sha256"
	tagRef        = "credentials-ref"
)

// maxTagValue is EC2's limit for the value of a tag, in characters.
const maxTagValue = 256

const (
	refSecretsManager = "secretsmanager:"
	refSSM            = "ssm:"
)

// Tags returns the members that are set and not secret as tags, names without
// prefix. A value that EC2 would refuse as too long is left out. Lists are
// separated by blanks, since a comma is not allowed in the tags of every
// AWS service.
func (s Settings) Tags() map[string]string {
	tags := map[string]string{}
	set := func(name, value string) {
		if value != "" && len(value) <= maxTagValue {
			tags[name] = value
		}
	}
	set(tagHostname, s.Hostname)
	if s.Port != 0 {
		set(tagPort, strconv.Itoa(s.Port))
	}
	set(tagPreference, strings.Join(s.AddressPreference, " "))
	if pin, err := ParseFingerprint(s.TLS.Fingerprint); err == nil {
		set(tagPin, pin)
	}
	switch ref := s.CredentialsRef; {
	case ref.SecretsManagerSecretID != "":
		set(tagRef, refSecretsManager+ref.SecretsManagerSecretID)
	case ref.SSMParameterName != "":
		set(tagRef, refSSM+ref.SSMParameterName)
	}
	return tags
}

// SettingsFromTags is the inverse of Tags. People edit tags, so a value that
// makes no sense counts as not set.
func SettingsFromTags(tags map[string]string) Settings {
	var s Settings
	s.Hostname = strings.TrimSpace(tags[tagHostname])
	if port, err := strconv.Atoi(strings.TrimSpace(tags[tagPort])); err == nil && port > 0 && port <= 65535 {
		s.Port = port
	}
	for _, kind := range strings.FieldsFunc(tags[tagPreference], func(r rune) bool { return strings.ContainsRune(" ,;/", r) }) {
		if isAddressKind(kind) && !slices.Contains(s.AddressPreference, kind) {
			s.AddressPreference = append(s.AddressPreference, kind)
		}
	}
	if pin, err := ParseFingerprint(tags[tagPin]); err == nil {
		s.TLS.Fingerprint = pin
	}
	if id, found := strings.CutPrefix(tags[tagRef], refSecretsManager); found {
		s.CredentialsRef.SecretsManagerSecretID = id
	} else if name, found := strings.CutPrefix(tags[tagRef], refSSM); found {
		s.CredentialsRef.SSMParameterName = name
	}
	return s
}
