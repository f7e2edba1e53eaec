package aws

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Request is a request to one service, taken apart.
type Request struct {
	HTTP *http.Request
	Body []byte
	// ID is the request id of the answer.
	ID string
	// Service and Region come from the credential scope. Service is the signing name: "ec2", "sts".
	Service     string
	Region      string
	AccessKeyID string
	// Operation is the name of the API action.
	Operation string
	// Params are those of the URL and of a form body.
	Params url.Values
	// Caller is who signed; it is zero for operations that need no signature.
	Caller Caller
}

// maxBody is far above what EC2 accepts, user data included.
const maxBody = 4 << 20

// credentialScope finds "Credential=AKID/20260131/us-east-1/ec2/aws4_request" in a header
// or, as X-Amz-Credential, in a presigned URL (AWS SigV4, "Elements of a request signature").
var credentialScope = regexp.MustCompile(`(?:^|[ ,])Credential=([^/,\s]+)/(\d{8})/([^/,\s]+)/([^/,\s]+)/aws4_request`)

// readRequest takes a request apart. A request without signature is told by its API
// version; it comes from operations such as AssumeRoleWithWebIdentity.
func readRequest(r *http.Request) (*Request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	request := &Request{HTTP: r, Body: body, ID: newRequestID(), Params: r.URL.Query()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, err
		}
		for name, values := range form {
			request.Params[name] = values
		}
	}
	scope := r.Header.Get("Authorization")
	if scope == "" && request.Params.Has("X-Amz-Credential") {
		scope = "Credential=" + request.Params.Get("X-Amz-Credential")
	}
	if m := credentialScope.FindStringSubmatch(scope); m != nil {
		request.AccessKeyID, request.Region, request.Service = m[1], m[3], m[4]
	} else {
		request.Region = "us-east-1"
		request.Service = map[string]string{"2016-11-15": "ec2", "2011-06-15": "sts"}[request.Params.Get("Version")]
	}
	return request, nil
}
