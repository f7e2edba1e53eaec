// Package acceptance holds the tests that know nothing of the simulator: they
// run unchanged against it, against another EC2-compatible server and against a
// real account (CONTRIBUTING.md says how).
package acceptance
