package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/ecscluster"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/constructs/internal/loggroup"
)

// newCluster creates the cluster with Container Insights (ECS.12, CKV_AWS_65). Sessions of ECS Exec are
// logged to a group of the stack's own, which is there while nobody may open one too: it keeps the
// evidence when ECS Exec is switched off again.
func newCluster(scope constructs.Construct, props Props) ecscluster.EcsCluster {
	name := "PaymentCluster-" + props.Suffix
	insights := loggroup.New(scope, "container-insights-logs", "/aws/ecs/containerinsights/"+name+"/performance", props.Logs)
	sessions := loggroup.New(scope, "sessions-logs", sessionsLogGroup(props.Suffix), props.Logs)
	return ecscluster.NewEcsCluster(scope, jsii.String("cluster"), &ecscluster.EcsClusterConfig{
		Name:    jsii.String(name),
		Setting: []*ecscluster.EcsClusterSetting{{Name: jsii.String("containerInsights"), Value: jsii.String(props.Service.ContainerInsights)}},
		Configuration: &ecscluster.EcsClusterConfiguration{
			ExecuteCommandConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfiguration{
				Logging: jsii.String("OVERRIDE"),
				LogConfiguration: &ecscluster.EcsClusterConfigurationExecuteCommandConfigurationLogConfiguration{
					CloudWatchLogGroupName:      sessions.Name(),
					CloudWatchEncryptionEnabled: jsii.Bool(true),
				},
			},
		},
		Tags:      &map[string]*string{"Name": jsii.String(name)},
		DependsOn: &[]cdktf.ITerraformDependable{insights},
	})
}

func sessionsLogGroup(suffix string) string {
	return "/tap-" + suffix + "/execute-command"
}
