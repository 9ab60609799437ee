package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/appautoscalingpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/appautoscalingtarget"
)

// newScaling lets target tracking choose the number of tasks. Of several policies the one that asks for most tasks
// wins:
// https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
func newScaling(scope constructs.Construct, props Props, service *string) {
	this := constructs.NewConstruct(scope, jsii.String("scaling"))
	scaling := props.Config.Scaling
	target := appautoscalingtarget.NewAppautoscalingTarget(this, jsii.String("target"), &appautoscalingtarget.AppautoscalingTargetConfig{
		ServiceNamespace:  jsii.String("ecs"),
		ScalableDimension: jsii.String("ecs:service:DesiredCount"),
		ResourceId:        jsii.Sprintf("service/%s/%s", *props.Cluster.Name, *service),
		MinCapacity:       jsii.Number(scaling.MinimumTasks),
		MaxCapacity:       jsii.Number(scaling.MaximumTasks),
	})
	track := func(id, name, metric string, label *string, value int) {
		appautoscalingpolicy.NewAppautoscalingPolicy(this, jsii.String(id), &appautoscalingpolicy.AppautoscalingPolicyConfig{
			Name:              jsii.String(props.Deployment.Name(name)),
			PolicyType:        jsii.String("TargetTrackingScaling"),
			ServiceNamespace:  target.ServiceNamespace(),
			ScalableDimension: target.ScalableDimension(),
			ResourceId:        target.ResourceId(),
			TargetTrackingScalingPolicyConfiguration: &appautoscalingpolicy.AppautoscalingPolicyTargetTrackingScalingPolicyConfiguration{
				TargetValue: jsii.Number(value),
				PredefinedMetricSpecification: &appautoscalingpolicy.AppautoscalingPolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecification{
					PredefinedMetricType: jsii.String(metric),
					ResourceLabel:        label,
				},
			},
		})
	}
	track("cpu", "CPUScaling", "ECSServiceAverageCPUUtilization", nil, scaling.CPUPercent)
	if scaling.MemoryPercent > 0 {
		track("memory", "MemoryScaling", "ECSServiceAverageMemoryUtilization", nil, scaling.MemoryPercent)
	}
	if scaling.RequestsPerTarget > 0 && props.Ingress != nil {
		track("requests", "RequestScaling", "ALBRequestCountPerTarget", props.Ingress.RequestLabel, scaling.RequestsPerTarget)
	}
}
