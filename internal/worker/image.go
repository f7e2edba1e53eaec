package worker

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/cml-infra/terraform-provider-cml/internal/attribute"
	"github.com/cml-infra/terraform-provider-cml/internal/controller"
	"github.com/cml-infra/terraform-provider-cml/internal/fault"
	"github.com/cml-infra/terraform-provider-cml/internal/instance"
)

// imageKey is the private state of what is known about the pinned image.
// ModifyPlan decides from it whether a changed filter still matches.
const imageKey = "image"

// imageFacts is its value.
type imageFacts struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Owner        string `json:"owner"`
	OwnerAlias   string `json:"owner_alias,omitempty"`
	Architecture string `json:"architecture"`
	CMLVersion   string `json:"cml_version,omitempty"`
	// Own says that the image belongs to the worker's account ("self").
	Own     bool      `json:"own"`
	Created time.Time `json:"created"`
}

// factsOf turns an image into facts, as seen from the worker's account.
func factsOf(i *instance.Image, account string) *imageFacts {
	return &imageFacts{
		ID: i.ID, Name: i.Name, Owner: i.OwnerID, OwnerAlias: i.OwnerAlias, Architecture: i.Architecture,
		CMLVersion: controller.ImageVersion(i.Name, i.Tags), Own: i.OwnerID == account, Created: i.CreatedAt,
	}
}

// readFacts returns the facts in private state, nil when there are none.
func readFacts(ctx context.Context, private attribute.PrivateReader, diags *diag.Diagnostics) *imageFacts {
	f, ok := attribute.ReadPrivate[imageFacts](ctx, private, imageKey, diags)
	if !ok || f.ID == "" {
		return nil
	}
	return &f
}

// saveFacts writes them.
func saveFacts(ctx context.Context, private attribute.PrivateWriter, f *imageFacts, diags *diag.Diagnostics) {
	if f.Name == "" {
		return // the server tells nothing of images; it may be asked again
	}
	attribute.WritePrivate(ctx, private, imageKey, f, diags)
}

// defaultArchitecture is the one that CML runs on.
const defaultArchitecture = "x86_64"

// matches reports whether the image is one that the filter may find. Unknown
// members do not exclude it.
func (f *imageFacts) matches(filter types.Object) bool {
	m := object[amiFilter](context.Background(), filter, new(diag.Diagnostics))
	if known(m.NamePattern) && !wildcard(m.NamePattern.ValueString()).MatchString(f.Name) {
		return false
	}
	if known(m.CMLVersion) && m.CMLVersion.ValueString() != f.CMLVersion {
		return false
	}
	architecture := defaultArchitecture
	if known(m.Architecture) {
		architecture = m.Architecture.ValueString()
	}
	if !m.Architecture.IsUnknown() && f.Architecture != "" && f.Architecture != architecture {
		return false
	}
	if m.Owners.IsUnknown() {
		return true
	}
	owners := attribute.Strings(m.Owners)
	if len(owners) == 0 {
		owners = []string{"self"}
	}
	return slices.ContainsFunc(owners, func(o string) bool {
		return o == f.Owner || (o == "self" && f.Own) || (f.OwnerAlias != "" && o == f.OwnerAlias)
	})
}

// wildcard is EC2's pattern with * and ?.
func wildcard(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(quoted)
	return regexp.MustCompile("^(?s:" + quoted + ")$")
}

// resolveImage returns the image to launch: the one named, or the newest that
// the filter finds.
func resolveImage(ctx context.Context, ec2 *instance.Client, plan *model, diags *diag.Diagnostics) (*instance.Image, error) {
	if known(plan.AMIID) {
		image, err := ec2.Image(ctx, plan.AMIID.ValueString())
		if fault.Is(err, fault.Unimplemented) {
			return &instance.Image{ID: plan.AMIID.ValueString()}, nil
		}
		return image, err
	}
	f := object[amiFilter](ctx, plan.AMIFilter, diags)
	found, err := findImages(ctx, ec2, f)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, &fault.Error{Kind: fault.BadReference, Region: ec2.Region(), Message: fmt.Sprintf(
			"no available image in %s matches %s", ec2.Region(), describeFilter(f))}
	}
	return found[0], nil
}

// findImages returns the matches of a filter, newest first.
func findImages(ctx context.Context, ec2 *instance.Client, f amiFilter) ([]*instance.Image, error) {
	query := instance.ImageQuery{NamePattern: f.NamePattern.ValueString(), Owners: attribute.Strings(f.Owners), Architecture: defaultArchitecture}
	if known(f.Architecture) {
		query.Architecture = f.Architecture.ValueString()
	}
	found, err := ec2.SearchImages(ctx, query)
	if known(f.CMLVersion) {
		found = slices.DeleteFunc(found, func(i *instance.Image) bool {
			return controller.ImageVersion(i.Name, i.Tags) != f.CMLVersion.ValueString()
		})
	}
	return found, err
}

// newerImage returns the newest match of the filter if it is newer than the
// pinned image, else nil.
func newerImage(ctx context.Context, ec2 *instance.Client, f amiFilter, pinned *imageFacts) (*instance.Image, error) {
	found, err := findImages(ctx, ec2, f)
	if err != nil || len(found) == 0 || found[0].ID == pinned.ID || !found[0].CreatedAt.After(pinned.Created) {
		return nil, err
	}
	return found[0], nil
}

func describeFilter(f amiFilter) string {
	owners := attribute.Strings(f.Owners)
	if len(owners) == 0 {
		owners = []string{"self"}
	}
	text := fmt.Sprintf("name_pattern %q of owners %s", f.NamePattern.ValueString(), strings.Join(owners, ", "))
	if known(f.CMLVersion) {
		text += " with CML " + f.CMLVersion.ValueString()
	}
	return text
}

// checkVersion compares the image with the version that is expected of it. An
// image that does not tell its version passes; CML will tell.
func checkVersion(plan *model, image *instance.Image) error {
	want, has := plan.ExpectedCMLVersion.ValueString(), controller.ImageVersion(image.Name, image.Tags)
	if want == "" || has == "" || sameRelease(want, has) {
		return nil
	}
	return fault.New(fault.Invalid, "image %s (%s) holds CML %s, but expected_cml_version is %s", image.ID, image.Name, has, want)
}

// sameRelease compares the three numbers of two versions.
func sameRelease(a, b string) bool {
	va, errA := controller.ParseVersion(a)
	vb, errB := controller.ParseVersion(b)
	if errA != nil || errB != nil {
		return a == b
	}
	return va.Compare(vb) == 0
}
