// Package constructs builds the payment API's infrastructure: one package for each area, and here the whole system on
// one page.
package constructs

import (
	"maps"
	"slices"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/provider"
	"github.com/hashicorp/terraform-cdk-go/cdktf"

	"tap/config"
	"tap/constructs/account"
	"tap/constructs/cloudwatch"
	"tap/constructs/connection"
	"tap/constructs/database"
	"tap/constructs/deployment"
	"tap/constructs/encryption"
	"tap/constructs/firewall"
	"tap/constructs/loadbalancer"
	"tap/constructs/logs"
	"tap/constructs/monitoring"
	"tap/constructs/network"
	"tap/constructs/policy"
	"tap/constructs/queue"
	"tap/constructs/service"
	"tap/constructs/versions"
)

// NewTapStack declares the stack tap-<suffix>: everything of one environment, and the extensions.
func NewTapStack(app constructs.Construct, environment config.Environment,
	extensions ...Extension) cdktf.TerraformStack {
	stack, aws := newStack(app, environment.Stack(), environment.Region, environment.Account, environment.Suffix,
		environment.Tags)
	if environment.InAccountStack() {
		keepState(stack, environment.Stack(), environment.StatesBucket, environment.Region, environment.Account)
	} else {
		cdktf.NewLocalBackend(stack, &cdktf.LocalBackendConfig{Path: jsii.String(config.LocalState(environment.Stack()))})
	}
	arns := policy.NewARNs(constructs.NewConstruct(stack, jsii.String("account")), "", environment.Region)
	key := encryption.New(stack, "encryption", environment, arns)
	deployed := deployment.New(stack, "deployment", environment, arns, key)
	monitor := monitoring.New(stack, deployment.Main, deployed, environment.Monitoring.Emails, environment.SaysEvents())

	vpc := network.New(stack, "network", network.Props{
		Deployment: deployed, Name: deployment.Main, Config: environment.Network,
		ImageAccounts: environment.ImageAccounts(),
	})
	data := database.New(stack, "database", database.Props{
		Deployment: deployed, Name: deployment.Main, Config: environment.Database, Network: vpc,
		MorningTopicARN: monitor.MorningTopicARN,
	})
	balancer := loadbalancer.New(stack, "load-balancer", loadbalancer.Props{
		Deployment: deployed, Name: deployment.Main, Config: environment.LoadBalancer, Network: vpc,
		Monitoring: environment.Monitoring,
		Default:    loadbalancer.Target{Name: deployment.Main, Config: environment.Service},
	})
	deploymentAlarms := monitor.Watch(constructs.NewConstruct(stack, jsii.String("request-alarms")), balancer.Signals)
	cluster := service.NewCluster(stack, "cluster", deployment.Main, deployed, environment.Service.ContainerInsights)
	common := service.Props{
		Deployment: deployed, Cluster: cluster, Network: vpc, Sidecars: environment.Sidecars,
		Uses: []connection.Connection{data.Connection},
	}
	for _, extend := range extensions {
		common.Uses = append(common.Uses, extend(stack, Platform{deployed, vpc, cluster, balancer, monitor})...)
	}
	queues := newQueues(stack, deployed, environment.Workers)
	ofAPI := common
	ofAPI.Name, ofAPI.LogName, ofAPI.Config = deployment.Main, "payment-api", environment.Service
	ofAPI.Ingress, ofAPI.DeploymentAlarms = &balancer.Ingress, deploymentAlarms
	ofAPI.Uses, ofAPI.MigrationUses = slices.Clip(common.Uses), []connection.Connection{data.Owner}
	for _, name := range slices.Sorted(maps.Keys(queues)) {
		ofAPI.Uses = append(ofAPI.Uses, queues[name].Send)
	}
	api := service.New(stack, "service", ofAPI)
	// After the API: its new tasks have run the migration.
	common.Uses = append(common.Uses, api.Running)
	workers := newWorkers(stack, environment, common, queues)
	jobs := newJobs(stack, environment, common, data.Owner, monitor.TopicARN)
	acl := firewall.New(stack, "firewall", firewall.Props{
		Deployment: deployed, Name: deployment.Main, Config: environment.Firewall, LoadBalancerARN: balancer.ARN,
		HealthCheckPath: environment.Service.HealthCheck.Path,
	})
	var outside cdktf.TerraformProvider
	if environment.Region != config.OutsideRegion && config.IsCommercial(environment.Region) {
		// Without a domain as well: what one leaves behind is destroyed with it.
		aws.Region, aws.Alias = jsii.String(config.OutsideRegion), jsii.String("outside")
		outside = provider.NewAwsProvider(stack, jsii.String("aws-outside"), aws)
	}
	if domain := environment.LoadBalancer.Domain.Name; domain != "" && config.IsCommercial(environment.Region) {
		path := environment.Service.HealthCheck.Path
		if environment.LoadBalancer.ClientCertificates.Mode == config.CertificatesVerify {
			path = "" // Route 53 has no certificate to show
		}
		topic := monitor.WatchOutside(stack, "outside", domain, path, outside, api.Running.Ready)
		if topic != nil {
			output(stack, "OutsideTopicArn", "SNS topic in us-east-1 of the alarm that nobody can reach the API", topic)
		}
	}
	watched := append([]cloudwatch.Signals{api.Signals, data.Signals, acl.Signals, data.ReaderSignals}, workers...)
	dashboard := monitor.NewDashboard(stack, "monitoring", append(watched, jobs...)...)

	output(stack, "VPCId", "VPC ID", vpc.VPCID)
	output(stack, "ECSClusterName", "ECS cluster name", cluster.Name)
	output(stack, "ECSServiceName", "ECS service name", api.Name)
	output(stack, "DBClusterIdentifier", "Aurora cluster identifier", data.Identifier)
	output(stack, "DBSecretArn", "ARN of the database secret", data.SecretARN)
	output(stack, "LoadBalancerArn", "Application Load Balancer ARN", balancer.ARN)
	output(stack, "LoadBalancerDNS", "Application Load Balancer DNS name", balancer.DNSName)
	output(stack, "TargetGroupArn", "Target group ARN", balancer.Ingress.TargetGroupARN)
	output(stack, "DashboardName", "CloudWatch dashboard name", dashboard)
	output(stack, "WebACLArn", "WAF web ACL ARN", acl.ARN)
	output(stack, "AlarmTopicArn", "SNS topic of the alarms that wake somebody, for a pager", monitor.TopicARN)
	output(stack, "MorningTopicArn", "SNS topic of the alarms that are read in the morning, for a chat",
		monitor.MorningTopicARN)
	if len(vpc.NATAddresses) > 0 {
		output(stack, "NATAddresses", "Public addresses that the tasks call out from, for allow-lists", vpc.NATAddresses)
	}
	return stack
}

// newQueues creates the queues of workers, by the names of these.
func newQueues(stack cdktf.TerraformStack, d deployment.Deployment,
	workers map[string]config.Worker) map[string]queue.Queue {
	queues := map[string]queue.Queue{}
	for _, name := range slices.Sorted(maps.Keys(workers)) {
		if workers[name].Queue {
			queues[name] = queue.New(stack, "queue-"+name, d, config.ID("Worker", name), config.SenderVariable(name),
				logs.Name(d, "worker-"+name))
		}
	}
	return queues
}

// newWorkers creates the services of workers with what all tasks have, and returns what they can be watched by.
func newWorkers(stack cdktf.TerraformStack, environment config.Environment, common service.Props,
	queues map[string]queue.Queue) (watched []cloudwatch.Signals) {
	for _, name := range slices.Sorted(maps.Keys(environment.Workers)) {
		worker, id, props := environment.Workers[name], "worker-"+name, common
		props.Name, props.LogName, props.Section = config.ID("Worker", name), id, "workers."+name
		props.Config, props.MessagesPerTask = worker.Service(environment.Service), worker.Scaling.MessagesPerTask
		if read, found := queues[name]; found {
			props.Uses, props.Backlog = append(slices.Clip(common.Uses), read.Receive), read.Signals.Metrics["waiting"]
			if worker.Scaling.MaximumTasks == 0 {
				read.Signals.Alarms = read.Signals.Alarms[:1] // on what waits, and nobody reads
			}
			watched = append(watched, read.Signals)
		}
		watched = append(watched, service.New(stack, id, props).Signals)
	}
	return watched
}

// newJobs creates jobs with what all tasks have, and returns what they can be watched by.
func newJobs(stack cdktf.TerraformStack, environment config.Environment, common service.Props,
	owner connection.Connection, topicARN *string) (watched []cloudwatch.Signals) {
	outputs := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(environment.Jobs)) {
		job, id, props := environment.Jobs[name], "job-"+name, common
		props.Name, props.LogName = config.ID("Job", name), id
		props.Config = environment.Service.Beside(job.Command, job.CPU, job.Memory)
		if job.DatabaseOwner {
			props.MigrationUses = []connection.Connection{owner}
		}
		signals, network := service.NewJob(stack, id, props, job, topicARN)
		watched = append(watched, signals)
		outputs[name] = map[string]string{"schedule": job.Schedule, "timeZone": job.TimeZone, "network": network}
	}
	if len(outputs) > 0 {
		output(stack, "Jobs", "Schedules of the jobs, and the network configuration of a run by hand", outputs)
	}
	return watched
}

// NewAccountStack declares the stack tap-account-<account>: what the account's environments share. Its state is in its
// own bucket from the start, under a key that the pipeline's roles cannot reach.
func NewAccountStack(app constructs.Construct, file config.Account) cdktf.TerraformStack {
	stack, _ := newStack(app, file.Stack(), file.Region, file.ID, "account", nil)
	keepState(stack, "account", file.StatesBucket(), file.Region, file.ID)
	states, repository := account.New(stack, "account", file)
	output(stack, "StatesBucket", "S3 bucket of the Terraform states", states)
	output(stack, "RepositoryURL", "ECR repository of the API's image", repository)
	return stack
}

// newStack declares a stack with its provider, which takes credentials of the account only if one is named, and the
// tags that every resource has. It returns the provider's configuration as well.
func newStack(app constructs.Construct, name, region, account, tag string,
	further map[string]string) (cdktf.TerraformStack, *provider.AwsProviderConfig) {
	stack := cdktf.NewTerraformStack(app, jsii.String(name))
	stack.AddOverride(jsii.String("terraform.required_version"), versions.Terraform)
	// The bindings ask for exactly the version that they are made from.
	stack.AddOverride(jsii.String("terraform.required_providers.aws"), map[string]string{
		"source": versions.Provider, "version": versions.ProviderVersions,
	})
	tags := map[string]*string{
		config.TagProject: jsii.String("tap"), config.TagManagedBy: jsii.String("cdktf"),
		config.TagEnvironment: jsii.String(tag),
	}
	for key, value := range further {
		tags[key] = jsii.String(value)
	}
	aws := &provider.AwsProviderConfig{
		Region: jsii.String(region), DefaultTags: []*provider.AwsProviderDefaultTags{{Tags: &tags}},
	}
	if account != "" {
		aws.AllowedAccountIds = jsii.Strings(account)
	}
	provider.NewAwsProvider(stack, jsii.String("aws"), aws)
	return stack, aws
}

// keepState keeps the stack's state in a folder of its account's bucket, encrypted, and locked while it is in use.
func keepState(stack cdktf.TerraformStack, folder, bucket, region, account string) {
	backend := cdktf.NewS3Backend(stack, &cdktf.S3BackendConfig{
		Bucket: jsii.String(bucket), Key: jsii.String(folder + "/terraform.tfstate"), Region: jsii.String(region),
		Encrypt: jsii.Bool(true),
	})
	backend.AddOverride(jsii.String("use_lockfile"), true)
	backend.AddOverride(jsii.String("allowed_account_ids"), jsii.Strings(account))
}

func output(stack cdktf.TerraformStack, name, description string, value any) {
	cdktf.NewTerraformOutput(stack, jsii.String(name), &cdktf.TerraformOutputConfig{
		Value: value, Description: jsii.String(description),
	})
}
