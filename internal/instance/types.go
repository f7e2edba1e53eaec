package instance

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TypeInfo is one instance type as this region knows it.
type TypeInfo struct {
	Name      string
	VCPUs     int32
	MemoryMiB int64
	// BareMetal types have the processor's virtualisation as it is;
	// NestedVirtualization types can switch it on.
	BareMetal, NestedVirtualization bool
	// Architectures are "x86_64", "arm64" and the like.
	Architectures     []string
	CurrentGeneration bool
	Burstable         bool
	// Usage are the ways to buy it: "on-demand", "spot", "capacity-block".
	Usage []string
}

// RunsCML says that the type offers what CML needs: x86_64 with hardware
// virtualisation, by bare metal or nested.
func (t TypeInfo) RunsCML() bool {
	return (t.BareMetal || t.NestedVirtualization) && slices.Contains(t.Architectures, string(types.ArchitectureTypeX8664))
}

// InstanceTypes returns what this region knows of these types; those it does
// not have are left out. Without names it returns all of them.
func (c *Client) InstanceTypes(ctx context.Context, names ...string) (map[string]*TypeInfo, error) {
	out := map[string]*TypeInfo{}
	err := chunked(names, func(names []string) error {
		// The filter, unlike the list of types, fails nothing for an unknown one.
		filters := plainFilter(nil, "instance-type", names...)
		return c.pages(ctx, "DescribeInstanceTypes", func(ctx context.Context, token *string) (*string, error) {
			page, err := c.api.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{
				Filters: filters, MaxResults: aws.Int32(100), NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			for _, t := range page.InstanceTypes {
				if info := typeFromEC2(t); anyOf(names, info.Name) {
					out[info.Name] = info
				}
			}
			return page.NextToken, nil
		})
	})
	return out, err
}

func typeFromEC2(in types.InstanceTypeInfo) *TypeInfo {
	out := &TypeInfo{
		Name: string(in.InstanceType), BareMetal: aws.ToBool(in.BareMetal),
		CurrentGeneration: aws.ToBool(in.CurrentGeneration), Burstable: aws.ToBool(in.BurstablePerformanceSupported),
	}
	if in.VCpuInfo != nil {
		out.VCPUs = aws.ToInt32(in.VCpuInfo.DefaultVCpus)
	}
	if in.MemoryInfo != nil {
		out.MemoryMiB = aws.ToInt64(in.MemoryInfo.SizeInMiB)
	}
	if p := in.ProcessorInfo; p != nil {
		for _, a := range p.SupportedArchitectures {
			out.Architectures = append(out.Architectures, string(a))
		}
		out.NestedVirtualization = slices.Contains(p.SupportedFeatures, types.SupportedAdditionalProcessorFeatureNestedVirtualization)
	}
	for _, u := range in.SupportedUsageClasses {
		out.Usage = append(out.Usage, string(u))
	}
	return out
}

// Offerings returns the availability zones that offer each of these types;
// without names, of every type. A type that no zone offers is left out.
func (c *Client) Offerings(ctx context.Context, names ...string) (map[string][]string, error) {
	out := map[string][]string{}
	err := chunked(names, func(names []string) error {
		filters := plainFilter(nil, "instance-type", names...)
		return c.pages(ctx, "DescribeInstanceTypeOfferings", func(ctx context.Context, token *string) (*string, error) {
			page, err := c.api.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{
				LocationType: types.LocationTypeAvailabilityZone, Filters: filters, MaxResults: aws.Int32(1000), NextToken: token,
			})
			if err != nil {
				return nil, err
			}
			for _, o := range page.InstanceTypeOfferings {
				name, zone := string(o.InstanceType), aws.ToString(o.Location)
				if o.LocationType == types.LocationTypeRegion || zone == c.opts.Region {
					continue // not what was asked for, and no word about zones
				}
				if anyOf(names, name) && !slices.Contains(out[name], zone) {
					out[name] = append(out[name], zone)
				}
			}
			return page.NextToken, nil
		})
	})
	for _, zones := range out {
		slices.SortFunc(zones, strings.Compare)
	}
	return out, err
}
