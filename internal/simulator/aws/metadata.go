package aws

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// metadataShortest and metadataLongest bound the life of a session token, in seconds ("Use the Instance Metadata
// Service to access instance metadata", EC2 User Guide).
const metadataShortest, metadataLongest = 1, 21600

// roleKeyLifetime is that of the credentials of an instance's role; new ones are there
// before the old ones end ("Retrieve security credentials from instance metadata", same
// guide).
const roleKeyLifetime = 6 * time.Hour

// metadataState is what the metadata services of all instances remember.
type metadataState struct {
	tokens map[string]metadataToken
	keys   map[string]Key // by association of an instance profile
}

type metadataToken struct {
	instance string
	ends     time.Time
}

// Metadata is the metadata service of an instance. A real instance, and nobody else, finds
// its own at 169.254.169.254; here each one needs a listener of its own.
func (s *Simulator) Metadata(instanceID string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serveMetadata(w, r, instanceID) })
}

func (s *Simulator) serveMetadata(w http.ResponseWriter, r *http.Request, id string) {
	operation := r.Method + " " + r.URL.Path
	fault := s.Faults.Take("imds", operation, map[string][]string{"Target": {id}})
	record := wire.Record{Service: "imds", Operation: operation, Target: id, Header: r.Header.Clone()}
	if fault != nil {
		record.Fault = fault.Kind
	}
	seq := s.Recorder.Begin(record)
	outer := &statusWriter{ResponseWriter: w}
	defer func() { s.Recorder.Finish(seq, func(rec *wire.Record) { rec.StatusCode = outer.status }) }()
	fault.Serve(outer, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		status, body := s.metadata(id, r, w.Header())
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Server", "EC2ws")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body)) // the client may have gone
	}), func(w http.ResponseWriter, f wire.Fault) {
		if f.Status == 0 {
			f.Status = http.StatusServiceUnavailable // when it is asked too often
		}
		http.Error(w, f.Message, f.Status)
	})
}

// metadata decides the answer. The statuses are those of "Troubleshoot issues accessing
// instance metadata" (EC2 User Guide).
func (s *Simulator) metadata(id string, r *http.Request, header http.Header) (status int, body string) {
	i, path := s.findInstance(id), r.URL.Path
	switch {
	case i == nil || i.state != stateRunning:
		return http.StatusNotFound, "no such instance runs here"
	case i.metadata.value.endpoint == "disabled":
		return http.StatusForbidden, ""
	case path == "/latest/api/token":
		return s.metadataToken(i, r, header)
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, ""
	}
	if token := r.Header.Get("X-Aws-Ec2-Metadata-Token"); token != "" || i.metadata.value.tokens != "optional" {
		known := s.imds.tokens[token]
		if known.instance != id || time.Now().After(known.ends) {
			return http.StatusUnauthorized, ""
		}
	}
	if text, found := s.metadataItem(i, path); found {
		return http.StatusOK, text
	}
	return http.StatusNotFound, ""
}

// metadataToken begins a session. A request that a proxy has passed on is refused.
func (s *Simulator) metadataToken(i *instance, r *http.Request, header http.Header) (status int, body string) {
	const lifetime = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	seconds, err := strconv.Atoi(r.Header.Get(lifetime))
	switch {
	case r.Method != http.MethodPut:
		return http.StatusMethodNotAllowed, ""
	case r.Header.Get("X-Forwarded-For") != "":
		return http.StatusForbidden, ""
	case err != nil || seconds < metadataShortest || seconds > metadataLongest:
		return http.StatusBadRequest, ""
	}
	if s.imds.tokens == nil {
		s.imds.tokens = map[string]metadataToken{}
	}
	token := "AQAEA" + randomHex(46) + "=="
	s.imds.tokens[token] = metadataToken{i.id, time.Now().Add(time.Duration(seconds) * time.Second)}
	header.Set(lifetime, strconv.Itoa(seconds))
	return http.StatusOK, token
}

// metadataItem are the categories that a worker may want ("Instance metadata categories").
func (s *Simulator) metadataItem(i *instance, path string) (text string, found bool) {
	const profile = "/latest/meta-data/iam/security-credentials/"
	role := ""
	if i.association != nil {
		role = i.association.profile.name // a role of that name is in the profile
	}
	switch path {
	case "/latest/meta-data/instance-id":
		text = i.id
	case "/latest/meta-data/instance-type":
		text = i.typ.Name
	case "/latest/meta-data/ami-id":
		text = i.imageID
	case "/latest/meta-data/local-ipv4":
		text = ipText(i.privateIP())
	case "/latest/meta-data/public-ipv4":
		text = ipText(i.publicIP())
	case "/latest/meta-data/placement/region":
		text = i.region.geo.name
	case "/latest/meta-data/placement/availability-zone":
		text = i.zone
	case "/latest/meta-data/services/domain":
		text = "amazonaws.com"
	case "/latest/meta-data/services/partition":
		text = "aws"
	case "/latest/dynamic/instance-identity/document":
		text = jsonText(map[string]any{
			"accountId": i.region.account.id, "architecture": i.architecture, "availabilityZone": i.zone, "imageId": i.imageID,
			"instanceId": i.id, "instanceType": i.typ.Name, "privateIp": ipText(i.privateIP()), "region": i.region.geo.name, "version": "2017-09-30",
		})
	case profile, strings.TrimSuffix(profile, "/"):
		text = role
	case profile + role:
		text = s.roleCredentials(i, role)
	}
	return text, text != ""
}

// roleCredentials are those of the role in the instance's profile.
func (s *Simulator) roleCredentials(i *instance, role string) string {
	key, known := s.imds.keys[i.association.id]
	if !known || time.Until(key.Expires) < time.Hour {
		account := i.region.account.id
		key = Key{
			AccessKeyID: "ASIA" + strings.ToUpper(randomHex(16)), Secret: randomHex(40), SessionToken: "IQoJb3JpZ2luX2Vj" + randomHex(120),
			ARN: fmt.Sprintf("arn:aws:sts::%s:assumed-role/%s/%s", account, role, i.id), Expires: time.Now().Add(roleKeyLifetime),
		}
		s.credentials[key.AccessKeyID] = &credential{Key: key, caller: Caller{
			AccountID: account, ARN: key.ARN, UserID: "AROA" + strings.ToUpper(checksum(account+role)) + "SIMULATOR:" + i.id}}
		if s.imds.keys == nil {
			s.imds.keys = map[string]Key{}
		}
		s.imds.keys[i.association.id] = key
	}
	const form = "2006-01-02T15:04:05Z"
	return jsonText(map[string]any{
		"Code": "Success", "LastUpdated": key.Expires.Add(-roleKeyLifetime).UTC().Format(form), "Type": "AWS-HMAC",
		"AccessKeyId": key.AccessKeyID, "SecretAccessKey": key.Secret, "Token": key.SessionToken, "Expiration": key.Expires.UTC().Format(form),
	})
}

func jsonText(members map[string]any) string {
	text, _ := json.MarshalIndent(members, "", "  ") // texts cannot fail
	return string(text)
}

// findInstance looks for an instance in all accounts and regions.
func (s *Simulator) findInstance(id string) *instance {
	for _, a := range s.accounts {
		for _, r := range a.regions {
			if i, known := r.instances.get(id); known {
				return i
			}
		}
	}
	return nil
}
