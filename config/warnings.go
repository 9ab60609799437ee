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
	tasks, each, most := e.Service.Scaling.MaximumTasks, e.connectionsPerTask(), e.Database.maximumConnections()
	if most > 0 && tasks*each > most {
		warnings = append(warnings, fmt.Sprintf("service.scaling.maximumTasks: %d tasks that may open %d connections each "+
			"(%s of service.environment; %d without it) are more than the %d or so that %s takes by default",
			tasks, each, ConnectionsVariable, defaultConnections, most, e.Database.InstanceClass))
	}
	return warnings
}

// connectionsPerTask is how many connections a task may open to the database.
func (e Environment) connectionsPerTask() int {
	if number, err := strconv.Atoi(e.Service.Environment[ConnectionsVariable]); err == nil && number > 0 {
		return number
	}
	return defaultConnections
}
