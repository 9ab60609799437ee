package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecscluster"
	"github.com/hashicorp/terraform-cdk-go/cdktf"
)

// newCluster creates the cluster with Container Insights (ECS.12, CKV_AWS_65). The log group of ECS Exec's sessions
// exists whether or not anybody may open one: switching ECS Exec off does not delete the evidence.
func newCluster(scope constructs.Construct, props Props) ecscluster.EcsCluster {
	d := props.Deployment
	name := d.Name("PaymentCluster")
	insights := d.NewLogGroup(scope, "container-insights-logs", "/aws/ecs/containerinsights/"+name+"/performance")
	sessions := d.NewLogGroup(scope, "sessions-logs", sessionsLogGroup(d.Suffix))
	return ecscluster.NewEcsCluster(scope, jsii.String("cluster"), &ecscluster.EcsClusterConfig{
		Name: jsii.String(name),
		Setting: []*ecscluster.EcsClusterSetting{{
			Name: jsii.String("containerInsights"), Value: jsii.String(props.Config.ContainerInsights),
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
}

func sessionsLogGroup(suffix string) string { return "/tap-" + suffix + "/execute-command" }
