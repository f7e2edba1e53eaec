package tfdiag_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/tfdiag"
	"github.com/cml-infra/terraform-provider-cml/internal/wait"
)

// fromEC2 is what the SDK returns for an EC2 error, classified.
func fromEC2(operation, code, message string, status int) error {
	return fault.FromAWS(&smithy.OperationError{ServiceID: "EC2", OperationName: operation, Err: &awshttp.ResponseError{
		RequestID: "req-1",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: message},
		},
	}}, "us-west-2")
}

func attributeOf(d diag.Diagnostic) string {
	if at, ok := d.(diag.DiagnosticWithPath); ok {
		return at.Path().String()
	}
	return ""
}

func TestErrorSaysEverything(t *testing.T) {
	t.Parallel()
	err := fromEC2("RunInstances", "UnauthorizedOperation",
		"You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/u is not authorized to perform: ec2:RunInstances on resource: x", 403)
	got := tfdiag.Error("Unable to create CML worker", tfdiag.About{ID: "i-0123", LastState: "pending"}, err)
	want := `EC2 RunInstances failed: You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/u is not authorized to perform: ec2:RunInstances on resource: x.

Worker: i-0123
Region: us-west-2
Last state: pending
AWS error: UnauthorizedOperation (HTTP 403)
Request ID: req-1
Missing permission: ec2:RunInstances

Next step: let the identity that Terraform uses do ` + "`ec2:RunInstances`" + ` in us-west-2: a policy of its own, a permissions boundary or an organization's policy stands against it.`
	if diff := cmp.Diff(want, got.Detail()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got.Summary() != "Unable to create CML worker" || got.Severity() != diag.SeverityError {
		t.Errorf("got %v %q", got.Severity(), got.Summary())
	}
}

// The encoded message goes to the next step, where the command is, and out of
// the text, which nobody could read for it.
func TestEncodedMessage(t *testing.T) {
	t.Parallel()
	err := fromEC2("StopInstances", "UnauthorizedOperation", "You are not authorized. Encoded authorization failure message: AbCdEf123", 403)
	detail := tfdiag.Error("x", tfdiag.About{}, err).Detail()
	text, next, _ := strings.Cut(detail, "Next step:")
	if strings.Contains(text, "AbCdEf123") || !strings.Contains(next, "--encoded-message AbCdEf123") || !strings.Contains(text, "Missing permission: ec2:StopInstances") {
		t.Errorf("got %s", detail)
	}
}

func TestNextStepAndAttributeByCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code, message string
		status        int
		next          string
		attribute     string
	}{
		{"InvalidAMIID.NotFound", "The image id '[ami-1]' does not exist", 400, "exists in us-west-2, since identifiers belong to one region", "ami_id"},
		{"InvalidAMIID.Malformed", "Invalid id", 400, "exists in us-west-2", "ami_id"},
		{"InvalidSubnetID.NotFound", "The subnet ID 'subnet-1' does not exist", 400, "exists in us-west-2", "subnet_ids"},
		{"InvalidSubnet", "Bad subnet", 400, "exists in us-west-2", "subnet_ids"},
		{"InvalidGroup.NotFound", "The security group 'sg-1' does not exist", 400, "exists in us-west-2", "security_group_ids"},
		{"InvalidKeyPair.NotFound", "The key pair 'k' does not exist", 400, "exists in us-west-2", "key_name"},
		{"InvalidParameterValue", "Invalid value 'm8i.huge' for InstanceType.", 400, "how the instance type is written, and that the region us-west-2 has it", "instance_type"},
		{"InvalidParameterValue", "Value (p) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", 400, "", "iam_instance_profile"},
		{"InvalidParameterValue", "Value (x) for parameter foo is invalid", 400, "", ""},
		{"InvalidInstanceID.Malformed", "Invalid id", 400, "exists in us-west-2", ""},
		{"VcpuLimitExceeded", "You have requested more vCPU capacity than your current limit", 400, "L-1216C47A", ""},
		{"MaxSpotInstanceCountExceeded", "Max spot instance count exceeded", 400, "L-34B43A08", ""},
		{"AddressLimitExceeded", "Too many addresses", 400, "L-0263D0A3", ""},
		{"VolumeLimitExceeded", "Too much", 400, "gp3", ""},
		{"ResourceLimitExceeded", "Something", 400, "that the message names", ""},
		{"InsufficientInstanceCapacity", "We currently do not have sufficient capacity", 500, "another instance type, a subnet in another availability zone", ""},
		{"InsufficientFreeAddressesInSubnet", "No free addresses", 400, "free addresses", ""},
		{"AuthFailure", "AWS was not able to validate the provided access credentials", 401, "the credentials, or whether the region us-west-2 is one", ""},
		{"OptInRequired", "You are not subscribed", 401, "enable the region us-west-2", ""},
		{"ExpiredToken", "The security token included in the request is expired", 400, "aws sso login", ""},
		{"OperationNotPermitted", "The instance may not be terminated. Modify its 'disableApiTermination' instance attribute", 400, "protection off", ""},
		{"FilterLimitExceeded", "Too many filter values", 400, tfdiag.IssuesURL, ""},
		{"VolumeModificationRateExceeded", "Wait until 12:00", 400, "the time that the message names", ""},
		{"RequestLimitExceeded", "Request limit exceeded.", 503, "-parallelism", ""},
		{"IncorrectInstanceState", "Not in a state", 400, "settled", ""},
		{"InternalError", "An internal error", 500, "run Terraform again", ""},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			d := tfdiag.Error("Unable to do it", tfdiag.About{}, fromEC2("RunInstances", c.code, c.message, c.status))
			_, next, _ := strings.Cut(d.Detail(), "Next step: ")
			if c.next == "" && next != "" || !strings.Contains(next, c.next) {
				t.Errorf("next step %q, want one with %q", next, c.next)
			}
			if got := attributeOf(d); got != c.attribute {
				t.Errorf("points at %q, want %q", got, c.attribute)
			}
			if !strings.Contains(d.Detail(), fmt.Sprintf("AWS error: %s (HTTP %d)", c.code, c.status)) || !strings.Contains(d.Detail(), c.message) {
				t.Errorf("the answer is missing:\n%s", d.Detail())
			}
		})
	}
}

// What is told of a network depends on what was to be reached through it.
func TestNextStepOfWhatIsOutOfReach(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{"cml": "controller.port", "ec2": "endpoints"} {
		d := tfdiag.Error("Unable to look", tfdiag.About{}, &fault.Error{Kind: fault.Unreachable, Service: service, Message: "refused"})
		if !strings.Contains(d.Detail(), want) {
			t.Errorf("%s: %s", service, d.Detail())
		}
	}
}

// Every kind that a person meets has a next step.
func TestEveryKindHasANextStep(t *testing.T) {
	t.Parallel()
	for _, kind := range []fault.Kind{
		fault.NotFound, fault.NotVisible, fault.BadReference, fault.PermissionDenied, fault.Credentials, fault.Account, fault.Quota, fault.Capacity,
		fault.WrongState, fault.Protected, fault.RateLimited, fault.Bug, fault.Throttled, fault.Server, fault.Unreachable, fault.Untrusted,
		fault.NotReady, fault.Timeout, fault.Canceled, fault.Ambiguous,
	} {
		if d := tfdiag.Error("x", tfdiag.About{}, fault.New(kind, "it failed")); !strings.Contains(d.Detail(), "\nNext step: ") || !strings.HasPrefix(d.Detail(), "it failed.\n") {
			t.Errorf("%s: %q", kind, d.Detail())
		}
	}
}

func TestCallerKnowsBetter(t *testing.T) {
	t.Parallel()
	about := tfdiag.About{Region: "eu-west-1", Attribute: path.Root("network").AtName("eip"), Next: "do this."}
	d := tfdiag.Error("x", about, fromEC2("AssociateAddress", "InvalidAMIID.NotFound", "m", 400))
	if attributeOf(d) != "network.eip" || !strings.HasSuffix(d.Detail(), "Next step: do this.") || !strings.Contains(d.Detail(), "Region: eu-west-1\n") {
		t.Errorf("%s at %q", d.Detail(), attributeOf(d))
	}
}

type told struct{ error }

func (told) Detail() string           { return "Line one.\nLine two." }
func (told) NextStep() string         { return "look twice." }
func (told) ProviderArgument() string { return "assume_role[1]" }

// silent could know a next step, and has none.
type silent struct{ err error }

func (s silent) Error() string  { return "around: " + s.err.Error() }
func (s silent) Unwrap() error  { return s.err }
func (silent) NextStep() string { return "" }

func TestTheNextStepMayBeFurtherIn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"around one":  {silent{fmt.Errorf("wrapped: %w", told{errors.New("short")})}, "look twice."},
		"around none": {silent{&fault.Error{Kind: fault.Canceled}}, "run Terraform again to finish."},
	} {
		if got := tfdiag.Error("x", tfdiag.About{}, c.err).Detail(); !strings.HasSuffix(got, "Next step: "+c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// An error with more to tell is told in its own words, wrapped or not.
func TestErrorsWithMoreToTell(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("wrapped: %w", told{errors.New("short")})
	want := "Line one.\nLine two.\n\nProvider argument: assume_role[1]\n\nNext step: look twice."
	if got := tfdiag.Error("x", tfdiag.About{}, err).Detail(); got != want {
		t.Errorf("got %q", got)
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	<-ctx.Done()
	timeout := &wait.TimeoutError{What: "instance i-1 to stop", LastState: "stopping", Waited: 30 * time.Minute, Err: ctx.Err()}
	d := tfdiag.Error("x", tfdiag.About{ID: "i-1", Region: "us-east-1", LastState: "running"}, timeout)
	if !strings.Contains(d.Detail(), "Last state: stopping") || !strings.Contains(d.Detail(), "`timeouts`") {
		t.Errorf("time-out: %s", d.Detail())
	}
	state := &wait.StateError{What: "instance i-1 to run", State: "terminated", Wanted: []string{"running"}}
	if d := tfdiag.Error("x", tfdiag.About{ID: "i-1"}, state); !strings.Contains(d.Detail(), "Last state: terminated") {
		t.Errorf("state: %s", d.Detail())
	}
}

func TestCMLError(t *testing.T) {
	t.Parallel()
	err := &fault.Error{Kind: fault.Credentials, Service: "cml", Operation: "POST /authenticate", StatusCode: 403, Message: "Authentication failed"}
	got := tfdiag.Error("x", tfdiag.About{ID: "i-1"}, err).Detail()
	want := "CML POST /authenticate failed: Authentication failed.\n\nWorker: i-1\nCML error: HTTP 403\n\nNext step: check the user name and password, or the token, " +
		"that the provider's `controller` block or the worker's `controller.credentials` gives."
	if got != want {
		t.Errorf("got %q", got)
	}
	err.Kind = fault.PermissionDenied
	if got := tfdiag.Error("x", tfdiag.About{}, err).Detail(); !strings.Contains(got, "administrator rights") {
		t.Errorf("got %q", got)
	}
}

// What CML answers has no code but its HTTP status, which is said once.
func TestCMLErrorNamesStatusOnce(t *testing.T) {
	t.Parallel()
	err := &fault.Error{Kind: fault.Credentials, Service: "cml", Operation: "POST /authenticate", Code: "HTTP 403", StatusCode: 403, Message: "No"}
	if got := tfdiag.Error("x", tfdiag.About{}, err).Detail(); !strings.Contains(got, "CML error: HTTP 403\n") {
		t.Errorf("got %q", got)
	}
}

// A worker that is not there is the fault of the argument that names it; other
// failures of the look-up are not.
func TestNamedWorker(t *testing.T) {
	t.Parallel()
	absent := fault.New(fault.NotFound, "instance i-1 does not exist")
	got := tfdiag.Error("x", tfdiag.About{ID: "i-1"}.Named(absent), absent)
	if attributeOf(got) != "worker_id" || !strings.Contains(got.Detail(), "check `worker_id` and `region`") {
		t.Errorf("absent: at %q: %s", attributeOf(got), got.Detail())
	}
	denied := fromEC2("DescribeInstances", "UnauthorizedOperation", "You are not authorized.", 403)
	got = tfdiag.Error("x", tfdiag.About{ID: "i-1"}.Named(denied), denied)
	if attributeOf(got) != "" || !strings.Contains(got.Detail(), "ec2:DescribeInstances") {
		t.Errorf("denied: at %q: %s", attributeOf(got), got.Detail())
	}
}

func TestErrorNamesService(t *testing.T) {
	t.Parallel()
	for service, want := range map[string]string{
		"ec2": "EC2 Do failed", "scheduler": "EventBridge Scheduler Do failed", "cloudwatch": "CloudWatch Do failed", "secrets manager": "Secrets Manager Do failed",
	} {
		err := &fault.Error{Kind: fault.Invalid, Service: service, Operation: "Do", Message: "No"}
		if got := tfdiag.Error("x", tfdiag.About{}, err).Detail(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q", service, got)
		}
	}
}

func TestReasonNamesPermissionOnce(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"User: u is not authorized to perform: ec2:DescribeVolumes": "not authorized to perform: ec2:DescribeVolumes.",
		"You are not authorized to perform this operation.":         "this operation. It needs the permission ec2:DescribeVolumes.",
	} {
		if got := tfdiag.Reason(fromEC2("DescribeVolumes", "UnauthorizedOperation", message, 403)); !strings.HasSuffix(got, want) {
			t.Errorf("got %q", got)
		}
	}
}

func TestUnclassified(t *testing.T) {
	t.Parallel()
	if got := tfdiag.Error("x", tfdiag.About{}, errors.New("it broke")).Detail(); got != "it broke." {
		t.Errorf("got %q", got)
	}
}

type quiet []string

func (q quiet) Suppressed(code string) bool { return len(q) > 0 && q[0] == code }

func TestWarn(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	tfdiag.Warn(&diags, quiet{tfdiag.HopLimit.Code}, tfdiag.HopLimit, "hop limit 3")
	if len(diags) != 0 {
		t.Errorf("a suppressed warning is shown: %v", diags)
	}
	tfdiag.Warn(&diags, quiet{"other"}, tfdiag.HopLimit, "hop limit 3", path.Root("metadata_options"))
	tfdiag.Warn(&diags, nil, tfdiag.HopLimit, "hop limit 4")
	if len(diags) != 2 || diags[0].Severity() != diag.SeverityWarning || attributeOf(diags[0]) != "metadata_options" {
		t.Fatalf("got %v", diags)
	}
	for _, d := range diags {
		if d.Summary() != tfdiag.HopLimit.Summary || !strings.HasSuffix(d.Detail(), " ["+tfdiag.HopLimit.Code+"]") {
			t.Errorf("%q %q", d.Summary(), d.Detail())
		}
	}
}

// The table is complete and each entry has a code and a summary of its own.
func TestWarningTable(t *testing.T) {
	t.Parallel()
	codes, summaries := map[string]bool{}, map[string]bool{}
	form := regexp.MustCompile(`^[a-z][a-z_]+[a-z]$`)
	for _, w := range tfdiag.Warnings() {
		if !form.MatchString(w.Code) || w.Summary == "" || !strings.HasSuffix(w.Meaning, ".") {
			t.Errorf("%+v", w)
		}
		if codes[w.Code] || summaries[w.Summary] {
			t.Errorf("%s is there twice", w.Code)
		}
		codes[w.Code], summaries[w.Summary] = true, true
	}
	if len(codes) != len(tfdiag.Codes()) || len(codes) == 0 {
		t.Errorf("%d warnings, %d codes", len(codes), len(tfdiag.Codes()))
	}
}

// waiting is a provider whose arguments of these names have no value yet.
type waiting []string

func (waiting) Suppressed(string) bool       { return false }
func (w waiting) UnknownArguments() []string { return w }

func TestNotRead(t *testing.T) {
	t.Parallel()
	var diags diag.Diagnostics
	if tfdiag.NotRead(&diags, waiting{}, "the things") || len(diags) > 0 {
		t.Errorf("everything is known: %v", diags)
	}
	if !tfdiag.NotRead(&diags, waiting{"region", "profile"}, "the things") || len(diags) != 1 || diags.HasError() ||
		!strings.Contains(diags[0].Detail(), "Nothing was read of the things, since the value of region, profile in") {
		t.Errorf("got %v", diags)
	}
}

func TestNotKnown(t *testing.T) {
	var diags diag.Diagnostics
	if tfdiag.NotKnown(&diags, nil, "nothing can be looked up") || len(diags) > 0 {
		t.Errorf("every argument is known, and it says %v", diags)
	}
	if !tfdiag.NotKnown(&diags, []string{"region", "profile"}, "nothing can be looked up") {
		t.Error("the look-up would go on")
	}
	const want = "The provider's region, profile will be known only after apply, so nothing can be looked up. Apply what it depends on first (terraform apply -target), or give the value directly."
	if len(diags) != 1 || diags[0].Severity() != diag.SeverityError || diags[0].Detail() != want {
		t.Errorf("got %v, want the error %q", diags, want)
	}
}
