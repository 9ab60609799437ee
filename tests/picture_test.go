package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	pictureNode  = regexp.MustCompile(`(?m)^ *(\w+)[\[({]+"([^"<]*)`)
	pictureArrow = regexp.MustCompile(`(?m)^ *(\w+) -->\|(\w+)\| (\w+)$`)
)

// arrows returns the flows that a picture shows, in the form of connections.
func arrows(picture string) []string {
	names := map[string]string{}
	for _, node := range pictureNode.FindAllStringSubmatch(picture, -1) {
		names[node[1]] = strings.NewReplacer("Aurora PostgreSQL", "database", "interface ", "").Replace(node[2])
	}
	var all []string
	for _, arrow := range pictureArrow.FindAllStringSubmatch(picture, -1) {
		all = append(all, fmt.Sprintf("%s -> %s:%s", names[arrow[1]], names[arrow[3]], arrow[2]))
	}
	slices.Sort(all)
	return all
}

// What a reviewer sees of a stack is what its security groups allow.
func TestPicturesShowEveryConnection(t *testing.T) {
	environments, _ := load(t, "../environments")
	for _, environment := range environments {
		s := stacks(t)[environment.Suffix].in(t)
		shown, allowed := arrows(read(t, "../generated/tap-"+environment.Suffix+".md")), connections(s)
		same(t, "the arrows of tap-"+s.suffix+".md", shown, allowed)
		// One more rule is one more connection, which this picture lacks.
		rule := s.some("aws_vpc_security_group_ingress_rule")[0]
		opened := s
		opened.root = object(t, strings.Replace(s.json, fmt.Sprintf("%q: {", rule.name), fmt.Sprintf(
			`"opened": {"cidr_ipv4": "0.0.0.0/0", "ip_protocol": "tcp", "from_port": 22, "to_port": 22, `+
				`"security_group_id": %q}, %q: {`, rule.text("security_group_id"), rule.name), 1))
		if slices.Equal(shown, connections(opened)) {
			t.Errorf("one more rule of %s is not noticed", rule.address())
		}
	}
}
