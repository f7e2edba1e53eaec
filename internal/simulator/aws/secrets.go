package aws

import (
	"fmt"
	"strings"
	"time"
)

// Secret is what a secret of Secrets Manager holds.
type Secret struct {
	// Text is the SecretString; Binary, when not nil, is there instead.
	Text   string
	Binary []byte
	// Deleted marks the secret for deletion, so that its value cannot be read.
	Deleted bool
}

// secret is a Secret at run time.
type secret struct {
	Secret
	name, arn, version string
	created            time.Time
}

// SetSecret makes a secret of Secrets Manager, or gives it a new value, and returns its ARN.
func (r *Region) SetSecret(name string, value Secret) string {
	r.sim.mu.Lock()
	defer r.sim.mu.Unlock()
	s := r.secrets[name]
	if s == nil {
		s = &secret{name: name, created: worldBegan,
			arn: fmt.Sprintf("arn:aws:secretsmanager:%s:%s:secret:%s-%s", r.geo.name, r.account.id, name, randomHex(6))}
	}
	s.Secret, s.version = value, newRequestID()
	if r.secrets == nil {
		r.secrets = map[string]*secret{}
	}
	r.secrets[name] = s
	return s.arn
}

func newSecretService(sim *Simulator) *jsonService {
	return &jsonService{
		sim: sim, signingName: "secretsmanager", target: "secretsmanager", throttled: "ThrottlingException",
		operations: map[string]func(*jsonService, *Request) (any, *APIError){
			"GetSecretValue": func(j *jsonService, r *Request) (any, *APIError) { return j.sim.secretValue(r) },
		},
	}
}

// keyRefused is what the services that decrypt answer when KMS refuses them (Secrets Manager
// User Guide, "Troubleshoot AWS Secrets Manager").
func (s *Simulator) keyRefused(r *Request) *APIError {
	if !s.accounts[r.Caller.AccountID].deniedAction("kms:Decrypt") {
		return nil
	}
	return refuse("AccessDeniedException", "Access to KMS is not allowed")
}

// secretValue is GetSecretValue (Secrets Manager API reference). A secret is found by its
// name, its ARN, or its ARN without the random end.
func (s *Simulator) secretValue(r *Request) (any, *APIError) {
	var asked struct{ SecretID, VersionID, VersionStage string }
	if refused := input(r, &asked); refused != nil {
		return nil, refused
	}
	if asked.VersionID != "" || asked.VersionStage != "" && asked.VersionStage != "AWSCURRENT" {
		return nil, unsupported("versions of secrets")
	}
	var found *secret
	for _, candidate := range s.region(r.Caller.AccountID, r.Region).secrets {
		partial := candidate.arn[:strings.LastIndex(candidate.arn, "-")]
		if asked.SecretID == candidate.name || asked.SecretID == candidate.arn || asked.SecretID == partial {
			found = candidate
		}
	}
	switch {
	case found == nil:
		return nil, refuse("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	case found.Deleted:
		return nil, refuse("InvalidRequestException", "You can't perform this operation on the secret because it was marked for deletion.")
	}
	if refused := s.keyRefused(r); refused != nil {
		return nil, refused
	}
	out := map[string]any{
		"ARN": found.arn, "Name": found.name, "CreatedDate": float64(found.created.Unix()),
		"VersionId": found.version, "VersionStages": []string{"AWSCURRENT"},
	}
	if found.Binary != nil {
		out["SecretBinary"] = found.Binary // a []byte is base64 in JSON
	} else {
		out["SecretString"] = found.Text
	}
	return out, nil
}
