package config

import (
	"encoding/binary"
	"net/netip"
	"regexp"
	"strings"
)

// Subnet is the pair of IPv4 ranges in one Availability Zone.
type Subnet struct {
	Zone    string // the zone's name, for example us-east-1a
	Public  string // the range of the public subnet
	Private string // the range of the private subnet
}

// subnetPrefixLength is the size of every subnet, as in the original system: 256 addresses, of which the smallest VPC
// allowed (/20) has room for sixteen and six zones need twelve.
const subnetPrefixLength = 24

// Subnets divides the VPC's range among the zones, in their order. The range is cut into /24 blocks: the first three
// zones take blocks 0 to 2 for their public and 3 to 5 for their private subnets, every further zone the next two. So a
// zone that is appended leaves the subnets of the others as they are.
func (n Network) Subnets() []Subnet {
	prefix, err := netip.ParsePrefix(n.CIDR)
	if err != nil || !prefix.Addr().Is4() {
		return nil // Load returns no such network
	}
	first := prefix.Masked().Addr().As4()
	block := func(index int) string {
		var address [4]byte
		binary.BigEndian.PutUint32(address[:], binary.BigEndian.Uint32(first[:])+uint32(index)<<(32-subnetPrefixLength))
		return netip.PrefixFrom(netip.AddrFrom4(address), subnetPrefixLength).String()
	}
	subnets := make([]Subnet, len(n.Zones))
	for i, zone := range n.Zones {
		public, private := i, i+3
		if i >= 3 {
			public, private = 2*i, 2*i+1
		}
		subnets[i] = Subnet{Zone: zone, Public: block(public), Private: block(private)}
	}
	return subnets
}

// IsExisting reports whether the environment is made in a VPC that is there already.
func (n Network) IsExisting() bool {
	return len(n.Existing.PublicSubnets)+len(n.Existing.PrivateSubnets) > 0
}

// Scales reports whether the number of tasks can change by itself.
func (s Scaling) Scales() bool { return s.MinimumTasks < s.MaximumTasks }

// IsPlaceholder reports whether the service runs the placeholder instead of a real image.
func (s Service) IsPlaceholder() bool { return s.Image == "" }

var privateRepository = regexp.MustCompile(
	`^([0-9]{12})\.dkr\.ecr\.(` + regionExpression + `)\.amazonaws\.com/([^:@]+)(?:[:@].*)?$`)

// PrivateRepository returns the account, the Region and the repository's name of an image in a private ECR repository,
// for example 123456789012, us-east-1 and name/sub of 123456789012.dkr.ecr.us-east-1.amazonaws.com/name/sub:tag. It
// reports false for any other image.
func (s Service) PrivateRepository() (account, region, repository string, ok bool) {
	match := privateRepository.FindStringSubmatch(s.Image)
	if match == nil {
		return "", "", "", false
	}
	return match[1], match[2], match[len(match)-1], true
}

// HTTPS reports whether the load balancer has a certificate, named or requested.
func (l LoadBalancer) HTTPS() bool { return l.CertificateARN != "" || l.Domain.Name != "" }

// IsServerless reports whether the cluster is Aurora Serverless v2.
func (d Database) IsServerless() bool { return d.InstanceClass == serverlessClass }

// IsExactVersion reports whether the engine's version names a minor, which is then kept.
func (d Database) IsExactVersion() bool { return strings.Contains(d.EngineVersion, ".") }

// MajorVersion returns the engine's major version, for example 15.
func (d Database) MajorVersion() string {
	major, _, _ := strings.Cut(d.EngineVersion, ".")
	return major
}

// ParameterGroupFamily returns the family of the parameter groups that go with the engine's version, for example
// aurora-postgresql15.
func (d Database) ParameterGroupFamily() string { return "aurora-postgresql" + d.MajorVersion() }
