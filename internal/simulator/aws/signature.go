package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"sort"
	"strconv"
	"strings"
)

// signedWith verifies the signature of a request by the steps of "Create a signed AWS API
// request" (IAM User Guide), for the services here, whose paths need no second encoding.
func (r *Request) signedWith(secret string) bool {
	header := r.HTTP.Header.Get("Authorization")
	scope := credentialScope.FindStringSubmatch(header)
	if scope == nil {
		return false // presigned URLs are not verified by any service here
	}
	signedHeaders, signature := authorizationPart(header, "SignedHeaders="), authorizationPart(header, "Signature=")
	canonical := strings.Join([]string{
		r.HTTP.Method, path(r.HTTP.URL), query(r.HTTP.URL), r.canonicalHeaders(signedHeaders), signedHeaders, digest(r.Body),
	}, "\n")
	date, region, service := scope[2], scope[3], scope[4]
	toSign := strings.Join([]string{
		"AWS4-HMAC-SHA256", r.HTTP.Header.Get("X-Amz-Date"),
		strings.Join([]string{date, region, service, "aws4_request"}, "/"), digest([]byte(canonical)),
	}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hmac.Equal([]byte(hex.EncodeToString(key)), []byte(signature))
}

func (r *Request) canonicalHeaders(signed string) string {
	var out strings.Builder
	for _, name := range strings.Split(signed, ";") {
		value := strings.Join(r.HTTP.Header.Values(name), ",")
		switch name {
		case "host":
			value = r.HTTP.Host
		case "content-length":
			value = r.HTTP.Header.Get("Content-Length")
			if value == "" {
				value = strconv.Itoa(len(r.Body))
			}
		}
		out.WriteString(name + ":" + strings.Join(strings.Fields(value), " ") + "\n")
	}
	return out.String()
}

func authorizationPart(header, name string) string {
	_, rest, _ := strings.Cut(header, name)
	value, _, _ := strings.Cut(rest, ",")
	return strings.TrimSpace(value)
}

func path(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

func query(u *url.URL) string {
	var pairs []string
	for name, values := range u.Query() {
		for _, value := range values {
			pairs = append(pairs, strings.ReplaceAll(url.QueryEscape(name), "+", "%20")+"="+strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
		}
	}
	sort.Strings(pairs)
	return strings.Join(pairs, "&")
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
