package controller

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// Addresses are those a machine has now; "" for none. A machine with an
// Elastic IP has the same address as EIP and as PublicIP.
type Addresses struct{ EIP, PublicIP, PrivateIP, IPv6 string }

func (a Addresses) of(kind string) string {
	switch kind {
	case EIP:
		return a.EIP
	case PublicIP:
		return a.PublicIP
	case PrivateIP:
		return a.PrivateIP
	case IPv6:
		return a.IPv6
	}
	return ""
}

func isAddressKind(kind string) bool {
	return slices.Contains([]string{EIP, PublicIP, PrivateIP, IPv6}, kind)
}

// Pick returns the address to dial: that of the first kind of the preference
// that the machine has, "" when it has none of them.
func (s Settings) Pick(a Addresses) string {
	_, address := s.PickExpecting(a)
	return address
}

// PickExpecting is Pick for a machine that the configuration promises the
// expected kinds of address: one that comes first by preference and is
// expected, but not there yet, is waited for instead of passed over. kind is
// then set and the address is "".
func (s Settings) PickExpecting(a Addresses, expected ...string) (kind, address string) {
	for _, kind := range s.preference() {
		if address := a.of(kind); address != "" {
			return kind, address
		}
		if slices.Contains(expected, kind) {
			return kind, ""
		}
	}
	return "", ""
}

// AddressIsFixed reports whether the address that Pick returns stays the same
// over a stop and start: an Elastic IP, or an address of the network interface
// (private, IPv6) that no public address comes before.
func (s Settings) AddressIsFixed(a Addresses) bool {
	for _, kind := range s.preference() {
		switch {
		case kind == PublicIP:
			// An address lent by EC2 is not shown while the machine is stopped,
			// so its absence now does not mean that there will be none.
			return a.EIP != "" && a.EIP == a.PublicIP
		case a.of(kind) != "":
			return true
		}
	}
	return false
}

// URLIsFixed reports whether URL stays the same over a stop and start.
func (s Settings) URLIsFixed(a Addresses) bool {
	return s.Hostname != "" || s.AddressIsFixed(a)
}

// URL is where people and programs find the server: https, the host name if
// there is one, else the address (IPv6 in brackets), and the port unless it
// is 443. "" when there is neither name nor address.
func (s Settings) URL(ip string) string {
	host := s.Hostname
	if host == "" {
		host = ip
	}
	if host == "" {
		return ""
	}
	return "https://" + authority(host, s.port())
}

// authority is the host and port part of a URL.
func authority(host string, port int) string {
	if port != DefaultPort {
		return net.JoinHostPort(host, strconv.Itoa(port))
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}
