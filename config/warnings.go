package config

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
	return warnings
}
