// Package cml simulates the REST API of Cisco Modeling Labs controllers, one
// for each instance of a fleet, on loopback addresses over TLS.
//
// It is built to a written reference of the API (cml-api.md), which every
// behaviour here names by section, and not to what any client expects. Where the
// reference says "not confirmed", Switches choose between the possibilities.
//
// A Fleet is told when instances get and lose power. Each instance has a Machine,
// which goes through the phases of a boot: connections refused, 502 from the
// proxy, "ready": false, "ready": true. It keeps accounts, labs, licence and
// certificate over stop and start. All machines talk to one licence server, the
// SSMS, which counts what is registered.
//
// Every request is recorded under the service "cml" with the method and the route
// as operation ("GET /system_information", "GET /labs/{lab_id}") and the instance
// id as target; fault scripts match the same names, the query, the variable parts
// of the route ("lab_id") and "Target".
package cml
