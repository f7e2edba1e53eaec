package aws

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"hash/crc32"

	"github.com/cml-infra/terraform-provider-cml/internal/simulator/wire"
)

// SeededID composes the id of a resource of the default world in the default account:
// SeededID("subnet", "us-east-1", 0x00a).
func SeededID(prefix, region string, serial int) string {
	return seededID(prefix, DefaultAccountID, region, serial)
}

func seededID(prefix, accountID, region string, serial int) string {
	owner := "00000000"
	if accountID != DefaultAccountID {
		owner = checksum(accountID)
	}
	return fmt.Sprintf("%s-0c31%s%02x%03x", prefix, owner, RegionNumber(region), serial)
}

// newID is the id of a resource made at run time: 17 hexadecimal digits, as EC2's are.
func newID(prefix string) string { return prefix + "0" + randomHex(16) }

func randomHex(digits int) string {
	b := make([]byte, (digits+1)/2)
	_, _ = rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)[:digits]
}

func newRequestID() string {
	h := randomHex(32)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

func checksum(s string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(s))) }

func wildcard(pattern, s string) bool { return wire.Wildcard(pattern, s) }
