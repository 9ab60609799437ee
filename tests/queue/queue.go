// Package queue is an SQS queue that tasks can use. Nothing deploys it: it shows that what is added to a stack is one
// package, with the statements that the policies of an account need for it in policies.json.
package queue

import (
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdktf/cdktf-provider-aws-go/aws/v19/sqsqueue"

	"tap/constructs/connection"
	"tap/constructs/deployment"
	"tap/constructs/policy"
)

// URL is the variable with the queue's URL.
const URL = "QUEUE_URL"

// Queue is what a task needs in order to put messages into a queue, and to take them out.
type Queue struct {
	Send, Receive connection.Connection
}

// New creates a queue under the environment's key, of that name before the suffix.
func New(scope constructs.Construct, id string, d deployment.Deployment, name string) Queue {
	queue := sqsqueue.NewSqsQueue(scope, jsii.String(id), &sqsqueue.SqsQueueConfig{
		Name:           jsii.String(d.Name(name)),
		KmsMasterKeyId: d.Key.ARN,
		Tags:           d.Tags(name),
	})
	// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
	connect := func(sid string, actions, key []string) connection.Connection {
		return connection.Connection{
			Name:      id,
			Variables: map[string]string{URL: *queue.Url()},
			Task: connection.Access{
				Statements: []policy.Statement{{Sid: sid, Actions: actions, Resources: []*string{queue.Arn()}}},
				KMS:        map[string][]string{"sqs": key},
			},
			Endpoints: []string{"sqs"},
		}
	}
	return Queue{
		Send: connect("SendPayments", []string{"sqs:SendMessage"}, []string{"kms:Decrypt", "kms:GenerateDataKey"}),
		Receive: connect("ReceivePayments",
			[]string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:ReceiveMessage"}, []string{"kms:Decrypt"}),
	}
}
