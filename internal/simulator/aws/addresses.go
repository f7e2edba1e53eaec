package aws

import (
	"context"
	"fmt"
	"net"
	"net/netip"
)

// Every address of an instance is a loopback address, so that a guest can listen on it:
// public ones of 127.64.0.0/12, private ones of 127.80.0.0 to 127.127.255.255. Simulators
// that run at the same time, in one process or in several, take different slots of both
// ranges, or their guests would collide.
const (
	slots          = 64
	publicPerSlot  = 1 << 14 // 64 × 16384 = a /12
	vpcPerRegion   = 1 << 12 // a /20 in each region, so twelve regions a slot
	regionsPerSlot = 12
	subnetSize     = 1 << 10 // a /22, four of them in a VPC
	firstSlotPort  = 21064
)

var (
	publicBase  = netip.MustParseAddr("127.64.0.0")
	privateBase = netip.MustParseAddr("127.80.0.0")
)

// addressPool hands out addresses of one slot.
type addressPool struct {
	slot       int
	claim      net.Listener
	publicNext int
	vpcsTaken  int
	privates   map[netip.Addr]bool
	sixNext    int
}

// newAddressPool claims the first slot that is free on this machine. The claim is a
// listener on a port that belongs to the slot, so it ends with the process at the latest.
func newAddressPool() (*addressPool, error) {
	pool := &addressPool{publicNext: 1, privates: map[netip.Addr]bool{}, sixNext: 0x100}
	var listen net.ListenConfig
	for slot := range slots {
		claim, err := listen.Listen(context.Background(), "tcp4", fmt.Sprintf("127.0.0.1:%d", firstSlotPort+slot))
		if err != nil {
			continue
		}
		pool.slot, pool.claim = slot, claim
		return pool, nil
	}
	return nil, fmt.Errorf("all %d address slots of this machine are taken by other simulators (ports %d to %d of 127.0.0.1)",
		slots, firstSlotPort, firstSlotPort+slots-1)
}

func (p *addressPool) close() error { return p.claim.Close() }

// public is an address that was not handed out before. EC2 gives an automatic public
// address back to its pool at every stop, and the next one differs ("Instance IP
// addressing", User Guide).
func (p *addressPool) public() netip.Addr {
	for {
		address := plus(publicBase, p.slot*publicPerSlot+p.publicNext)
		p.publicNext = p.publicNext%(publicPerSlot-1) + 1
		if last := address.As4()[3]; last != 0 && last != 255 {
			return address
		}
	}
}

// vpc is the range of the next VPC of this slot. More VPCs than a slot has room for share
// ranges, as VPCs of AWS may; private addresses stay unique all the same.
func (p *addressPool) vpc() netip.Prefix {
	offset := (p.slot*regionsPerSlot + p.vpcsTaken%regionsPerSlot) * vpcPerRegion
	p.vpcsTaken++
	return netip.PrefixFrom(plus(privateBase, offset), 20)
}

// private is a free address of a subnet, without the five that AWS keeps for itself
// ("Subnet CIDR blocks", VPC User Guide).
func (p *addressPool) private(subnet netip.Prefix) (netip.Addr, bool) {
	size := 1 << (32 - subnet.Bits())
	for host := 4; host < size-1; host++ {
		address := plus(subnet.Addr(), host)
		if !p.privates[address] {
			p.privates[address] = true
			return address, true
		}
	}
	return netip.Addr{}, false
}

// reserve takes one address and reports whether it was free.
func (p *addressPool) reserve(address netip.Addr) bool {
	if p.privates[address] {
		return false
	}
	p.privates[address] = true
	return true
}

func (p *addressPool) release(address netip.Addr) { delete(p.privates, address) }

// free counts the addresses of a subnet that an instance could still get.
func (p *addressPool) free(subnet netip.Prefix) int {
	n := 1<<(32-subnet.Bits()) - 5
	for address := range p.privates {
		if subnet.Contains(address) {
			n--
		}
	}
	return n
}

// six is a new IPv6 address of a /64 range.
func (p *addressPool) six(subnet netip.Prefix) netip.Addr {
	p.sixNext++
	bytes := subnet.Addr().As16()
	bytes[14], bytes[15] = byte(p.sixNext>>8), byte(p.sixNext)
	return netip.AddrFrom16(bytes)
}

// plus adds n to an IPv4 address.
func plus(address netip.Addr, n int) netip.Addr {
	b := address.As4()
	sum := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	sum += uint32(n)
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}
