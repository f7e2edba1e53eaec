package instance_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// answering is an implementation of EC2 that knows little: each action has one
// answer. It returns its address.
func answering(t *testing.T, answer func(action string) string) string {
	t.Helper()
	return answeringTo(t, func(asked url.Values) string { return answer(asked.Get("Action")) })
}

// answeringTo sees the whole request. An empty answer is one that gets lost.
func answeringTo(t *testing.T, answer func(asked url.Values) string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			// The client has gone in the middle of its question, as one does whose
			// deadline came: a malformed one would get no answer and be missed.
			panic(http.ErrAbortHandler)
		}
		body := answer(r.PostForm)
		if body == "" {
			panic(http.ErrAbortHandler) // the answer is lost
		}
		w.Header().Set("Content-Type", "text/xml")
		if strings.Contains(body, "<Errors>") {
			w.WriteHeader(http.StatusBadRequest)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			t.Log(err)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// An instance starts from a volume, and whether it gets an address is what somebody
// says: where nobody does, there is no answer.
func TestWhatNobodySays(t *testing.T) {
	interfaces, subnets := "", ""
	url := answering(t, func(action string) string {
		switch action {
		case "DescribeNetworkInterfaceAttribute":
			return interfaces
		case "DescribeSubnets":
			return `<DescribeSubnetsResponse><subnetSet>` + subnets + `</subnetSet></DescribeSubnetsResponse>`
		}
		return "<" + action + "Response/>"
	})
	c := clientOf(url)
	i := &instance.Instance{ID: nobody, NetworkInterfaceID: "eni-1", SubnetID: "subnet-1", Interfaces: 1}
	if volumes, err := c.VolumesOf(t.Context(), i); err == nil || !strings.Contains(err.Error(), "EC2 names no volume of "+nobody) {
		t.Errorf("volumes %v, %v", volumes, err)
	}
	const (
		no      = `<DescribeNetworkInterfaceAttributeResponse><associatePublicIpAddress>false</associatePublicIpAddress></DescribeNetworkInterfaceAttributeResponse>`
		yes     = `<DescribeNetworkInterfaceAttributeResponse><associatePublicIpAddress>true</associatePublicIpAddress></DescribeNetworkInterfaceAttributeResponse>`
		nothing = `<DescribeNetworkInterfaceAttributeResponse><networkInterfaceId>eni-1</networkInterfaceId></DescribeNetworkInterfaceAttributeResponse>`
		unknown = `<Response><Errors><Error><Code>InvalidAction</Code><Message>no</Message></Error></Errors></Response>`
		denied  = `<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>`
		gives   = `<item><subnetId>subnet-1</subnetId><mapPublicIpOnLaunch>true</mapPublicIpOnLaunch></item>`
		keeps   = `<item><subnetId>subnet-1</subnetId><mapPublicIpOnLaunch>false</mapPublicIpOnLaunch></item>`
	)
	for name, test := range map[string]struct {
		interfaces, subnets string
		number              int
		want, fails         bool
	}{
		"the interface": {yes, keeps, 1, true, false}, "not the interface": {no, gives, 1, false, false}, "two interfaces": {yes, gives, 2, false, false},
		"unknown question": {unknown, gives, 1, true, false}, "no word": {nothing, keeps, 1, false, false}, "denied": {denied, gives, 1, false, true}, "nobody": {unknown, "", 1, false, true},
	} {
		interfaces, subnets, i.Interfaces = test.interfaces, test.subnets, test.number
		if got, err := c.AutomaticPublicIP(t.Context(), i); got != test.want || (err != nil) != test.fails {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

// Implementations leave out what is optional: nothing of it may be needed.
func TestBareAnswers(t *testing.T) {
	url := answering(t, func(action string) string {
		body := map[string]string{
			"DescribeInstances": `<reservationSet><item><instancesSet><item><instanceId>` + nobody + `</instanceId>
				<instanceState><code>16</code><name>running</name></instanceState><ipAddress>198.51.100.7</ipAddress>
				<privateIpAddress>10.0.0.7</privateIpAddress><ipv6Address>2001:db8::7</ipv6Address><dnsName>a.example</dnsName>
				<groupSet><item><groupId>sg-1</groupId></item></groupSet>
				</item><item/></instancesSet></item></reservationSet>`,
			"DescribeVolumes":               `<volumeSet><item><volumeId>vol-1</volumeId></item></volumeSet>`,
			"DescribeInstanceStatus":        `<instanceStatusSet><item><instanceId>` + nobody + `</instanceId></item></instanceStatusSet>`,
			"DescribeImages":                `<imagesSet><item><imageId>ami-1</imageId></item></imagesSet>`,
			"DescribeAddresses":             `<addressesSet><item><instanceId>` + nobody + `</instanceId></item></addressesSet>`,
			"DescribeInstanceTypes":         `<instanceTypeSet><item><instanceType>m8i.large</instanceType></item></instanceTypeSet>`,
			"DescribeInstanceTypeOfferings": `<instanceTypeOfferingSet><item/></instanceTypeOfferingSet>`,
			"DescribeSubnets":               `<subnetSet><item><subnetId>subnet-1</subnetId></item></subnetSet>`,
			"DescribeSecurityGroupRules":    `<securityGroupRuleSet><item><groupId>sg-1</groupId></item></securityGroupRuleSet>`,
			"DescribeInstanceAttribute":     `<instanceId>` + nobody + `</instanceId>`,
			"DescribeSpotInstanceRequests":  `<spotInstanceRequestSet><item><spotInstanceRequestId>sir-1</spotInstanceRequestId></item></spotInstanceRequestSet>`,
			"DescribeRegions":               `<regionInfo><item><regionName>r</regionName></item></regionInfo>`,
			"DescribeSnapshots":             `<snapshotSet><item><snapshotId>snap-1</snapshotId></item></snapshotSet>`,
			"GetConsoleOutput":              `<instanceId>` + nobody + `</instanceId>`,
			"RunInstances":                  `<instancesSet><item><instanceId>` + nobody + `</instanceId></item></instancesSet>`,
		}[action]
		return "<" + action + "Response>" + body + "</" + action + "Response>"
	})
	c := clientOf(url)
	ctx := t.Context()
	i, err := c.Find(ctx, nobody, "")
	if err != nil {
		t.Fatal(err)
	}
	if i.PublicIP != "198.51.100.7" || i.PrivateIP != "10.0.0.7" || i.IPv6 != "2001:db8::7" || i.PublicDNS != "a.example" ||
		i.PublicIPIsEIP || len(i.SecurityGroupIDs) != 1 || i.Gone() || i.Status() != "running" || i.Why() != "" {
		t.Errorf("got %+v", i)
	}
	if all, err := c.Subnets(ctx, "subnet-1"); err != nil || all["subnet-1"] == nil || !all["subnet-1"].PublicIPByDefault {
		t.Errorf("a subnet that does not tell is no private one: %+v, %v", all["subnet-1"], err)
	}
	// The account is the caller's where no answer names an owner.
	if want := "arn:aws:ec2:us-east-1:123456789012:instance/" + nobody; i.AccountID != "123456789012" || i.ARN != want {
		t.Errorf("account %q, ARN %q", i.AccountID, i.ARN)
	}
	for name, err := range map[string]error{
		"volume":     second(c.Volume(ctx, "vol-1")),
		"status":     second(c.StatusChecks(ctx, nobody)),
		"image":      second(c.Image(ctx, "ami-1")),
		"address":    second(c.AddressOf(ctx, nobody)),
		"types":      second(c.InstanceTypes(ctx, "m8i.large")),
		"offerings":  second(c.Offerings(ctx)),
		"subnets":    second(c.Subnets(ctx, "subnet-1")),
		"groups":     second(c.ReachableGroups(ctx, []string{"sg-1"}, 443)),
		"protection": second(c.Protection(ctx, nobody)),
		"user data":  second(c.UserData(ctx, nobody)),
		"spot":       second(c.SpotRequest(ctx, "sir-1")),
		"regions":    second(c.Regions(ctx)),
		"snapshots":  second(c.Snapshots(ctx, "snap-1")),
		"console":    second(c.ConsoleOutput(ctx, nobody)),
		"running":    second(c.WaitRunning(ctx, nobody, "", time.Now(), nil)),
		"launch":     second(c.Launch(ctx, instance.Launch{ImageID: "ami-1", InstanceTypes: []string{"m8i.large"}}, nil)),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// An association without owner proves no Elastic IP; one of an account does.
func TestWhoOwnsTheAddress(t *testing.T) {
	for owner, want := range map[string]bool{
		"": false, "<ipOwnerId>amazon</ipOwnerId>": false, "<ipOwnerId>123456789012</ipOwnerId>": true,
	} {
		c := clientOf(answering(t, func(string) string {
			return `<DescribeInstancesResponse><reservationSet><item><ownerId>1</ownerId><instancesSet><item>
				<instanceId>` + nobody + `</instanceId><instanceState><name>running</name></instanceState>
				<ipAddress>198.51.100.1</ipAddress><networkInterfaceSet>
				<item><networkInterfaceId>eni-2</networkInterfaceId><attachment><deviceIndex>1</deviceIndex></attachment>
					<association><publicIp>198.51.100.9</publicIp><ipOwnerId>123456789012</ipOwnerId></association></item>
				<item><networkInterfaceId>eni-1</networkInterfaceId><attachment><deviceIndex>0</deviceIndex></attachment>
					<association><publicIp>198.51.100.8</publicIp>` + owner + `</association></item>
				</networkInterfaceSet></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
		}))
		i, err := c.Find(t.Context(), nobody, "")
		if err != nil || i.PublicIPIsEIP != want || i.PublicIP != "198.51.100.8" || i.NetworkInterfaceID != "eni-1" || i.Interfaces != 2 {
			t.Errorf("%q: %+v, %v", owner, i, err)
		}
	}
}

func TestConsoleOutput(t *testing.T) {
	text := "Linux version 6.8\r\ncml login:"
	c := clientOf(answering(t, func(action string) string {
		return `<GetConsoleOutputResponse><output>` + base64.StdEncoding.EncodeToString([]byte(text)) + `</output></GetConsoleOutputResponse>`
	}))
	if got, err := c.ConsoleOutput(t.Context(), nobody); got != text || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	c = clientOf(answering(t, func(action string) string {
		return `<GetConsoleOutputResponse><output>plain text!</output></GetConsoleOutputResponse>`
	}))
	if got, err := c.ConsoleOutput(t.Context(), nobody); got != "plain text!" || err != nil {
		t.Errorf("not base64: %q, %v", got, err)
	}
}

// tape stands before another server and remembers what is asked of it.
type tape struct {
	url string
	mu  sync.Mutex
	all []url.Values
}

func recording(t *testing.T, behind string) *tape {
	t.Helper()
	target, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	out := &tape{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		params, err := url.ParseQuery(string(body))
		if err != nil {
			t.Error(err)
		}
		out.mu.Lock()
		out.all = append(out.all, params)
		out.mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	out.url = server.URL
	return out
}

// last are the parameters of the newest request for an action.
func (r *tape) last(action string) url.Values {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.all) - 1; i >= 0; i-- {
		if r.all[i].Get("Action") == action {
			return r.all[i]
		}
	}
	return nil
}

// bare is a running instance and nothing more.
const bare = `<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>` + nobody + `</instanceId>
	<instanceState><name>running</name></instanceState></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`

func partition(name string, err error) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return name, err }
}
