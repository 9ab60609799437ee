// Package queue is an SQS queue that tasks can use, with a queue of its dead letters.
package queue

import (
	"fmt"

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
	retentionSeconds = 14 * 24 * 60 * 60 // the longest
	waitSeconds      = 20                // the longest: whoever receives asks less often
	maximumReceives  = 5                 // after as many, a message is a dead letter

	oldMessageSeconds = 15 * 60 // raises the alarm
)

// Queue is what a task needs in order to put messages into a queue, and to take them out.
type Queue struct {
	Send, Receive connection.Connection
	Waiting       cloudwatch.Metric  // how many messages wait to be received
	Signals       cloudwatch.Signals // the first alarm is on the oldest message
}

// New creates both queues under the environment's key (SQS.1), of names that begin with that one. Nobody of another
// account may use them (SQS.3), nor anybody in clear text. The sender has the URL in the variable, and the receiver in
// config.QueueVariable.
func New(scope constructs.Construct, id string, d deployment.Deployment, name, variable string) Queue {
	this := constructs.NewConstruct(scope, jsii.String(id))
	newQueue := func(id, kind string, config sqsqueue.SqsQueueConfig) sqsqueue.SqsQueue {
		config.Name, config.Tags, config.KmsMasterKeyId = jsii.String(d.Name(kind)), d.Tags(kind), d.Key.ARN
		config.MessageRetentionSeconds, config.Lifecycle = jsii.Number(retentionSeconds), d.Lifecycle()
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
				Statements: []policy.Statement{policy.Allow(verb+name, queue.Arn(), actions...)},
				KMS:        map[string][]string{"sqs": key},
			},
			Endpoints: []string{"sqs"},
		}
	}
	result := newSignals(name, queue.Name(), dead.Name())
	result.Send = connect("SendTo", variable,
		[]string{"sqs:SendMessage"}, []string{"kms:Decrypt", "kms:GenerateDataKey"})
	result.Receive = connect("ReceiveFrom", config.QueueVariable,
		[]string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}, []string{"kms:Decrypt"})
	return result
}

// newSignals returns what both queues can be watched by:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
func newSignals(name string, queue, dead *string) Queue {
	of := func(queue *string) func(name, statistic string) cloudwatch.Metric {
		return cloudwatch.Metrics("AWS/SQS", map[string]*string{"QueueName": queue})
	}
	waiting, age := of(queue)("ApproximateNumberOfMessagesVisible", "Sum"),
		of(queue)("ApproximateAgeOfOldestMessage", "Maximum")
	letters := of(dead)("ApproximateNumberOfMessagesVisible", "Maximum")
	return Queue{Waiting: waiting, Signals: cloudwatch.Signals{Alarms: []cloudwatch.Alarm{{
		ID: "old-message", Name: "OldMessageAlarm",
		Description: fmt.Sprintf("The oldest message in the queue is %d minutes old or older.", oldMessageSeconds/60),
		Advice: "see whether the worker's tasks run (maximumTasks: 0 pauses it); then read its log, and whether the " +
			"API sends more than it can handle.",
		Metric: age, Threshold: oldMessageSeconds, Period: 300,
	}, {
		ID: "dead-letter", Name: "DeadLetterAlarm",
		Description: fmt.Sprintf("A message was received %d times and never deleted: it waits among the dead letters.",
			maximumReceives),
		Advice: "read why in the log, mend that, and move them back (aws sqs start-message-move-task).",
		Metric: letters, Threshold: 1, Period: 300,
	}}, Graphs: []cloudwatch.Graph{
		{Row: cloudwatch.Data, Title: "Messages", Lines: [][]any{
			cloudwatch.Line("waiting", waiting.By("Maximum")), cloudwatch.Line("dead letters", letters),
		}},
		{Row: cloudwatch.Data, Title: "Oldest Message", Threshold: oldMessageSeconds, Lines: [][]any{
			cloudwatch.Line("seconds", age),
		}},
	}}.Of(name)}
}
