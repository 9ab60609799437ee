package config

import (
	"fmt"
	"strconv"
)

// defaultConnections is how many connections a task may open where its environment does not say it.
const defaultConnections = 20

// Warnings say what the environment's file allows and somebody should know before the environment is deployed.
func (e Environment) Warnings() []string {
	var warnings []string
	if e.Network.IsExisting() {
		without := "no flow logs, routes, NAT gateway, endpoint for S3"
		if !e.Network.InterfaceEndpoints {
			without += " or other AWS services"
		}
		warnings = append(warnings, "network.existing: the VPC gets "+without+" and no empty default security group from "+
			"here; tasks reach AWS only if the routes of the private subnets lead there")
	}
	tasks, most := e.Service.Scaling.MaximumTasks, e.Database.maximumConnections()
	each, err := strconv.Atoi(e.Service.Environment[ConnectionsVariable])
	if err != nil || each <= 0 {
		each = defaultConnections
	}
	if most > 0 && tasks*each > most {
		warnings = append(warnings, fmt.Sprintf("service.scaling.maximumTasks: %d tasks that may open %d connections each "+
			"(%s of service.environment; %d without it) are more than the %d or so that %s takes by default",
			tasks, each, ConnectionsVariable, defaultConnections, most, e.Database.InstanceClass))
	}
	return warnings
}
