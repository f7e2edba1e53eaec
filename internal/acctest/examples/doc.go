// Package examples tests that what users copy works: every configuration below
// examples/ and the one in README.md is validated, and planned on a simulated
// AWS, by a real engine that installs the provider as users do.
package examples
