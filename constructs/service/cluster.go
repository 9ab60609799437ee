package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecscluster"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/internal/loggroup"
)

// newCluster creates the cluster with Container Insights (ECS.12, CKV_AWS_65). ECS logs sessions of
// ECS Exec to a group of the stack's own.
func newCluster(scope constructs.Construct, props Props) ecscluster.EcsCluster {
	name := "PaymentCluster-" + props.Suffix
	insights := loggroup.New(scope, "container-insights-logs", "/aws/ecs/containerinsights/"+name+"/performance", props.Logs)
	config := &ecscluster.EcsClusterConfig{
		Name:      jsii.String(name),
		Setting:   []*ecscluster.EcsClusterSetting{{Name: jsii.String("containerInsights"), Value: jsii.String(props.Service.ContainerInsights)}},
		Tags:      &map[string]*string{"Name": jsii.String(name)},
		DependsOn: &[]cdktf.ITerraformDependable{insights},
	}
	if props.Service.ExecuteCommand {
		sessions := loggroup.New(scope, "sessions-logs", sessionsLogGroup(props.Suffix), props.Logs)
		config.Configuration = &ecscluster.EcsClusterConfiguration{
			ExecuteCommandConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfiguration{
				Logging: jsii.String("OVERRIDE"),
				LogConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfigurationLogConfiguration{
					CloudWatchLogGroupName:      sessions.Name(),
					CloudWatchEncryptionEnabled: jsii.Bool(true),
				},
			},
		}
	}
	return ecscluster.NewEcsCluster(scope, jsii.String("cluster"), config)
}

func sessionsLogGroup(suffix string) string {
	return "/tap-" + suffix + "/execute-command"
}
