// Package simulator composes a simulated AWS and the CML controllers of its
// instances into one process on loopback: an endpoint for the AWS SDK, and behind
// each running instance a CML server on the instance's own addresses.
//
// It is meant for tests, the demo, and the program cml-simulator. Nothing in it
// talks to, or can be reached from, anything but this machine.
//
//	sim, err := simulator.Start(ctx, simulator.Options{})
//	defer sim.Close()
//	sim.Endpoint() // for AWS_ENDPOINT_URL
//	sim.Port()     // for CML_PORT
//	sim.Recorder.Count("ec2", "RunInstances")
//	sim.CML.Machine(id).HoldPhase(cml.BlackHole)
//
// What is simulated, and which switches there are, is told by the packages aws,
// cml and wire.
//
// # Time
//
// AWS and CML share a clock that runs as real time does, begins where
// Options.ClockOffset says, and can be moved forward by Advance: half an hour of
// idleness, or of alarm periods, then takes no longer than it takes to simulate.
// The world may begin in the past and be advanced to the present, for a client
// that compares times with its own clock.
//
// # Control API
//
// With Options.Control the endpoint also serves paths below /_simulator/, for
// those who cannot call Go; GET /_simulator/ lists them.
package simulator
