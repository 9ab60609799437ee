package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecscluster"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/deployment"
)

// Cluster is an ECS cluster for any number of services.
type Cluster struct {
	Name *string // output ECSClusterName

	id *string
}

// NewCluster creates the cluster with Container Insights (ECS.12, CKV_AWS_65), whose mode is enabled or enhanced. The
// log group of ECS Exec's sessions exists whether or not anybody may open one: switching ECS Exec off does not delete
// the evidence.
func NewCluster(scope constructs.Construct, id string, d deployment.Deployment, containerInsights string) Cluster {
	this := constructs.NewConstruct(scope, jsii.String(id))
	name := d.Name("PaymentCluster")
	insights := d.NewLogGroup(this, "container-insights-logs", "/aws/ecs/containerinsights/"+name+"/performance")
	sessions := d.NewLogGroup(this, "sessions-logs", sessionsLogGroup(d.Suffix))
	cluster := ecscluster.NewEcsCluster(this, jsii.String("cluster"), &ecscluster.EcsClusterConfig{
		Name: jsii.String(name),
		Setting: []*ecscluster.EcsClusterSetting{{
			Name: jsii.String("containerInsights"), Value: jsii.String(containerInsights),
		}},
		Configuration: &ecscluster.EcsClusterConfiguration{
			ExecuteCommandConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfiguration{
				Logging: jsii.String("OVERRIDE"),
				LogConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfigurationLogConfiguration{
					CloudWatchLogGroupName:      sessions.Name(),
					CloudWatchEncryptionEnabled: jsii.Bool(true),
				},
			},
		},
		Tags:      d.Tags("PaymentCluster"),
		DependsOn: &[]cdktf.ITerraformDependable{insights},
	})
	return Cluster{Name: cluster.Name(), id: cluster.Id()}
}

func sessionsLogGroup(suffix string) string { return "/tap-" + suffix + "/execute-command" }
