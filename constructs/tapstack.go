// Package constructs builds the payment API's infrastructure: one package for each area, and here the
// whole system on one page.
package constructs

import (
	"strconv"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/database"
	"tap/constructs/encryption"
	"tap/constructs/firewall"
	"tap/constructs/internal/immutable"
	"tap/constructs/internal/loggroup"
	"tap/constructs/loadbalancer"
	"tap/constructs/monitoring"
	"tap/constructs/network"
	"tap/constructs/policy"
	"tap/constructs/service"
	"tap/constructs/state"
)

// terraformVersion is the oldest Terraform that understands write-only arguments.
const terraformVersion = ">= 1.11"

// NewTapStack declares the stack tap-<suffix>: everything of one environment.
func NewTapStack(app constructs.Construct, environment config.Environment) cdktf.TerraformStack {
	suffix := environment.Suffix
	stack := newStack(app, "tap-"+suffix, environment.Region, environment.Account, suffix, environment.Tags)
	if environment.State.Bucket == "" {
		state.NewLocal(stack, "tap-"+suffix)
	} else {
		state.NewS3(stack, "tap-"+suffix, environment.State.Bucket, environment.State.Region, environment.Account)
	}

	where := policy.NewAccount(stack, "account", environment.Region)
	deployment := immutable.New(stack, "deployment", map[string]string{
		"region":                     environment.Region,
		"network.cidr":               environment.Network.CIDR,
		"network.subnetPrefixLength": strconv.Itoa(environment.Network.SubnetPrefixLength),
		"database.masterUsername":    environment.Database.MasterUsername,
	})
	key := encryption.New(stack, "encryption", encryption.Props{
		Suffix:             suffix,
		Account:            where,
		DeletionWindowDays: environment.Encryption.DeletionWindowDays,
		PreventDestroy:     environment.PreventDestroy,
	})
	logs := loggroup.Retention{Days: environment.Logs.RetentionDays, KeyARN: key.ARN, PreventDestroy: environment.PreventDestroy}

	net := network.New(stack, "network", network.Props{
		Suffix:         suffix,
		Account:        where,
		Network:        environment.Network,
		Logs:           logs,
		Sessions:       environment.Service.ExecuteCommand,
		PreventDestroy: environment.PreventDestroy,
	})
	data := database.New(stack, "database", database.Props{
		Suffix:         suffix,
		Account:        where,
		Network:        net,
		Database:       environment.Database,
		KeyARN:         key.ARN,
		Logs:           logs,
		PreventDestroy: environment.PreventDestroy,
		DeploymentID:   deployment.ID,
	})
	balancer := loadbalancer.New(stack, "load-balancer", loadbalancer.Props{
		Suffix:                     suffix,
		Account:                    where,
		Network:                    net,
		LoadBalancer:               environment.LoadBalancer,
		HealthCheck:                environment.Service.HealthCheck,
		Port:                       environment.Service.Port,
		DeregistrationDelaySeconds: environment.Service.DeregistrationDelaySeconds,
		PreventDestroy:             environment.PreventDestroy,
	})
	topic := monitoring.NewTopic(stack, "alarm-topic", monitoring.TopicProps{
		Suffix:  suffix,
		Account: where,
		KeyARN:  key.ARN,
		Emails:  environment.Monitoring.Emails,
	})
	requests := monitoring.NewRequests(stack, "request-alarms", monitoring.RequestsProps{
		Suffix:       suffix,
		Topic:        topic,
		LoadBalancer: balancer,
		Monitoring:   environment.Monitoring,
	})
	api := service.New(stack, "service", service.Props{
		Suffix:           suffix,
		Account:          where,
		Network:          net,
		Database:         data,
		LoadBalancer:     balancer,
		Service:          environment.Service,
		KeyARN:           key.ARN,
		Logs:             logs,
		DeploymentAlarms: []*string{requests.ErrorRateAlarm, requests.LatencyAlarm},
	})
	waf := firewall.New(stack, "firewall", firewall.Props{
		Suffix:          suffix,
		Account:         where,
		Firewall:        environment.Firewall,
		LoadBalancerARN: balancer.ARN,
		Logs:            logs,
	})
	watch := monitoring.New(stack, "monitoring", monitoring.Props{
		Suffix:       suffix,
		Region:       environment.Region,
		Topic:        topic,
		Requests:     requests,
		LoadBalancer: balancer,
		Service:      api,
		Database:     data,
		Firewall:     waf,
		Settings:     environment.Database,
		Monitoring:   environment.Monitoring,
	})

	output(stack, "VPCId", "VPC ID", net.VPCID)
	output(stack, "ECSClusterName", "ECS cluster name", api.ClusterName)
	output(stack, "ECSServiceName", "ECS service name", api.Name)
	output(stack, "DBClusterIdentifier", "Aurora cluster identifier", data.Identifier)
	output(stack, "DBSecretArn", "ARN of the database secret", data.Secret.ARN)
	output(stack, "LoadBalancerArn", "Application Load Balancer ARN", balancer.ARN)
	output(stack, "LoadBalancerDNS", "Application Load Balancer DNS name", balancer.DNSName)
	output(stack, "TargetGroupArn", "Target group ARN", balancer.TargetGroupARN)
	output(stack, "DashboardName", "CloudWatch dashboard name", watch.DashboardName)
	output(stack, "WebACLArn", "WAF web ACL ARN", waf.ARN)
	return stack
}

// NewStateStack declares the stack tap-state: the bucket that the environments keep their states in.
// Its own state is a local file, since the bucket has to exist before anything can be kept in it.
func NewStateStack(app constructs.Construct, settings config.State, account string) cdktf.TerraformStack {
	stack := newStack(app, "tap-state", settings.Region, account, "state", nil)
	state.NewLocal(stack, "tap-state")
	output(stack, "StateBucket", "S3 bucket of the Terraform states", state.NewBucket(stack, "state", settings.Bucket))
	return stack
}

// newStack declares a stack with its provider. Every resource carries the tags Project, Environment
// and ManagedBy beside those of the environment's file.
func newStack(app constructs.Construct, name, region, account, environment string, tags map[string]string) cdktf.TerraformStack {
	stack := cdktf.NewTerraformStack(app, jsii.String(name))
	stack.AddOverride(jsii.String("terraform.required_version"), terraformVersion)
	all := map[string]*string{
		"Project":     jsii.String("tap"),
		"Environment": jsii.String(environment),
		"ManagedBy":   jsii.String("cdktf"),
	}
	for key, value := range tags {
		all[key] = jsii.String(value)
	}
	config := &provider.AwsProviderConfig{
		Region:      jsii.String(region),
		DefaultTags: []*provider.AwsProviderDefaultTags{{Tags: &all}},
	}
	if account != "" {
		config.AllowedAccountIds = jsii.Strings(account)
	}
	provider.NewAwsProvider(stack, jsii.String("aws"), config)
	return stack
}

func output(stack cdktf.TerraformStack, name, description string, value *string) {
	cdktf.NewTerraformOutput(stack, jsii.String(name), &cdktf.TerraformOutputConfig{
		Value: value, Description: jsii.String(description),
	})
}
