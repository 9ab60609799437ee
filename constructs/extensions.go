package constructs

import (
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/loadbalancer"
	"tap/constructs/monitoring"
	"tap/constructs/network"
	"tap/constructs/service"
)

// Extensions are what a team adds to every environment: write an Extension in a package of its own, and name it here.
var Extensions []Extension

// Extension declares something more in a stack, before the API, and returns what the API uses of it.
type Extension func(stack cdktf.TerraformStack, platform Platform) []connection.Connection

// Platform is what a further service, or something for it to use, is built with.
type Platform struct {
	Deployment   deployment.Deployment
	Network      *network.Network
	Cluster      service.Cluster
	LoadBalancer *loadbalancer.LoadBalancer // gives a service a route
	Monitoring   *monitoring.Monitoring     // creates alarms, and draws graphs on the dashboard
}
