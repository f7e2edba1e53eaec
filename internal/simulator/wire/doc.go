// Package wire holds what both halves of the simulator share: the record of every
// request that arrived, and the script of the faults that requests meet.
//
// It knows neither AWS nor CML. A half names the service and the operation of a
// request, asks the script whether a fault applies, and lets the fault alter the
// answer that the half would give.
package wire
