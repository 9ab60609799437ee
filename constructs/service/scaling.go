package service

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/appautoscalingpolicy"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/appautoscalingtarget"
)

// newScaling lets target tracking choose the number of tasks. With several policies the one that
// asks for most tasks wins:
// https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
func newScaling(scope constructs.Construct, props Props, cluster, service *string) {
	this := constructs.NewConstruct(scope, jsii.String("scaling"))
	settings := props.Service.Scaling
	target := appautoscalingtarget.NewAppautoscalingTarget(this, jsii.String("target"), &appautoscalingtarget.AppautoscalingTargetConfig{
		ServiceNamespace:  jsii.String("ecs"),
		ScalableDimension: jsii.String("ecs:service:DesiredCount"),
		ResourceId:        jsii.Sprintf("service/%s/%s", *cluster, *service),
		MinCapacity:       jsii.Number(settings.MinimumTasks),
		MaxCapacity:       jsii.Number(settings.MaximumTasks),
	})
	track := func(id, name, metric string, label *string, value int) {
		appautoscalingpolicy.NewAppautoscalingPolicy(this, jsii.String(id), &appautoscalingpolicy.AppautoscalingPolicyConfig{
			Name:              jsii.String(name + "-" + props.Suffix),
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
	track("cpu", "CPUScaling", "ECSServiceAverageCPUUtilization", nil, settings.CPUPercent)
	if settings.MemoryPercent > 0 {
		track("memory", "MemoryScaling", "ECSServiceAverageMemoryUtilization", nil, settings.MemoryPercent)
	}
	if settings.RequestsPerTarget > 0 {
		label := jsii.Sprintf("%s/%s", *props.LoadBalancer.FullName, *props.LoadBalancer.TargetGroupFullName)
		track("requests", "RequestScaling", "ALBRequestCountPerTarget", label, settings.RequestsPerTarget)
	}
}
