package aws

import "strings"

// InstanceType is what DescribeInstanceTypes and the price list tell of a type.
type InstanceType struct {
	Name           string
	VCPUs          int
	ThreadsPerCore int
	MemoryMiB      int
	// Architecture is "x86_64" or "arm64".
	Architecture string
	BareMetal    bool
	// NestedVirtualization tells that CpuOptions.NestedVirtualization may be enabled.
	NestedVirtualization bool
	Burstable            bool
	NetworkPerformance   string
	// HourlyPrice is the on-demand price in USD, Linux, shared tenancy, us-east-1.
	HourlyPrice float64
	// Everywhere tells that all zones of all regions offer the type; others are offered in the
	// first three zones of a region only.
	Everywhere bool
}

// InstanceTypes are the types of the default world: newest Intel types with nested
// virtualisation, one bare metal type, two without any virtualisation, one Arm.
// Source: "Amazon EC2 instance types by specification" and the on-demand price list.
func InstanceTypes() []InstanceType {
	return []InstanceType{
		{Name: "c5.2xlarge", VCPUs: 8, ThreadsPerCore: 2, MemoryMiB: 16 << 10, Architecture: "x86_64", NetworkPerformance: "Up to 10 Gigabit", HourlyPrice: 0.34, Everywhere: true},
		{Name: "c8i.2xlarge", VCPUs: 8, ThreadsPerCore: 2, MemoryMiB: 16 << 10, Architecture: "x86_64", NestedVirtualization: true, NetworkPerformance: "Up to 15 Gigabit", HourlyPrice: 0.37485},
		{Name: "m5zn.metal", VCPUs: 48, ThreadsPerCore: 2, MemoryMiB: 192 << 10, Architecture: "x86_64", BareMetal: true, NetworkPerformance: "100 Gigabit", HourlyPrice: 3.9641},
		{Name: "m7g.large", VCPUs: 2, ThreadsPerCore: 1, MemoryMiB: 8 << 10, Architecture: "arm64", NetworkPerformance: "Up to 12.5 Gigabit", HourlyPrice: 0.0816, Everywhere: true},
		{Name: "m8i.2xlarge", VCPUs: 8, ThreadsPerCore: 2, MemoryMiB: 32 << 10, Architecture: "x86_64", NestedVirtualization: true, NetworkPerformance: "Up to 15 Gigabit", HourlyPrice: 0.42336},
		{Name: "m8i.4xlarge", VCPUs: 16, ThreadsPerCore: 2, MemoryMiB: 64 << 10, Architecture: "x86_64", NestedVirtualization: true, NetworkPerformance: "Up to 15 Gigabit", HourlyPrice: 0.84672},
		{Name: "r8i.4xlarge", VCPUs: 16, ThreadsPerCore: 2, MemoryMiB: 128 << 10, Architecture: "x86_64", NestedVirtualization: true, NetworkPerformance: "Up to 15 Gigabit", HourlyPrice: 1.11132},
		{Name: "t3.large", VCPUs: 2, ThreadsPerCore: 2, MemoryMiB: 8 << 10, Architecture: "x86_64", Burstable: true, NetworkPerformance: "Up to 5 Gigabit", HourlyPrice: 0.0832, Everywhere: true},
	}
}

func (t *InstanceType) cores() int { return t.VCPUs / t.ThreadsPerCore }

// standard tells that the type counts against the vCPU quota of the standard families
// ("Amazon EC2 instance type quotas").
func (t *InstanceType) standard() bool { return strings.ContainsRune("acdhimrtz", rune(t.Name[0])) }
