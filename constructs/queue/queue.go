// Package queue is an SQS queue that tasks can use, with a queue of its dead letters.
package queue

import (
	_ "embed"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/sqsqueue"

	"tap/config"
	"tap/constructs/cloudwatch"
	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
const (
	retentionDays   = 14 // the longest
	waitSeconds     = 20 // the longest: whoever receives asks less often
	maximumReceives = 5  // after as many, a message is a dead letter
)

//go:embed signals.yaml
var signalsFile string

// Queue is what a task needs in order to put messages into a queue, and to take them out.
type Queue struct {
	Send, Receive connection.Connection
	Signals       cloudwatch.Signals // the first alarm is on the oldest message; the metric waiting is how many wait
}

// New creates both queues under the environment's key (SQS.1), of names that begin with that one. Nobody of another
// account may use them (SQS.3), nor anybody in clear text. The sender has the URL in the variable, and the receiver in
// config.QueueVariable; the alarms name its log.
func New(scope constructs.Construct, id string, d deployment.Deployment, name, variable, log string) Queue {
	this := constructs.NewConstruct(scope, jsii.String(id))
	newQueue := func(id, kind string, config sqsqueue.SqsQueueConfig) sqsqueue.SqsQueue {
		config.Name, config.Tags, config.KmsMasterKeyId = jsii.String(d.Name(kind)), d.Tags(kind), d.Key.ARN
		config.MessageRetentionSeconds, config.Lifecycle = jsii.Number(retentionDays*24*60*60), d.Lifecycle()
		config.Policy = policy.Document(policy.DenyClearText("sqs:*", d.ARNs.ARN("sqs", d.Name(kind))))
		return sqsqueue.NewSqsQueue(this, jsii.String(id), &config)
	}
	dead := newQueue("dead-letters", name+"DeadLetters", sqsqueue.SqsQueueConfig{})
	queue := newQueue("queue", name+"Queue", sqsqueue.SqsQueueConfig{
		ReceiveWaitTimeSeconds: jsii.Number(waitSeconds),
		RedrivePolicy: policy.JSON(map[string]any{
			"deadLetterTargetArn": dead.Arn(), "maxReceiveCount": maximumReceives,
		}),
	})
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
	connect := func(verb, variable string, actions, key []string) connection.Connection {
		return connection.Connection{
			Name:      id,
			Variables: map[string]string{variable: *queue.Url()},
			Task: connection.Access{
				Statements: []policy.Statement{policy.Allow(verb+name, actions...).On(queue.Arn())},
				KMS:        map[string][]string{"sqs": key},
			},
			Endpoints: []string{"sqs"},
		}
	}
	return Queue{
		Send: connect("SendTo", variable, []string{"sqs:SendMessage"}, []string{"kms:Decrypt", "kms:GenerateDataKey"}),
		Receive: connect("ReceiveFrom", config.QueueVariable,
			[]string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}, []string{"kms:Decrypt"}),
		Signals: cloudwatch.Read(signalsFile, name, map[string]any{
			"queue": queue.Name(), "dead": dead.Name(), "maximumReceives": maximumReceives, "log": log,
			"deadLetters": d.Name(name + "DeadLetters"), "retentionDays": retentionDays,
		}),
	}
}
