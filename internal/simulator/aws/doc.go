// Package aws simulates the part of AWS that the provider uses, on the wire: one HTTP
// handler answers for several services, told apart as AWS front ends do it, by the
// credential scope of the signature.
//
// It speaks the protocols of the services and imports no AWS SDK, so that a mistake of
// the SDK's user cannot be repeated here. Shapes follow the service models, those of
// EC2 (2016-11-15), STS (2011-06-15) and CloudWatch (2010-08-01) among them; each behaviour
// names its source.
//
// # The default world
//
// Every account has, in every region it touches, a world of its own, seeded with
//
//	vpc-…001                        default VPC, IPv4 and IPv6
//	subnet-…00a, …00b, …00c         one subnet in each of the first three zones, public
//	subnet-…00d                     a subnet in the first zone that gives no public address
//	sg-…001                         "default": everything from itself
//	sg-…002                         "cml": 443, 1122, 9090, 2002-2003 and 22 from anywhere, over IPv4 and IPv6
//	sg-…003                         "closed": no ingress rule at all
//	rtb-…001, igw-…001              main route table with a default route to the internet gateway
//	key pair "cml"
//	ami-…280, …290, …291            CML-2.8.1-Ubuntu-24.04, CML-2.9.0-Ubuntu-24.04, CML-2.9.1-Ubuntu-24.04, owned by the account
//	ami-…a64                        a plain arm64 image of another owner
//
// where … stands for "0c31", eight digits that are zero in the default account and a
// checksum of the account id elsewhere, and two hexadecimal digits with the number of the
// region in RegionNumber (us-east-1 is 01). So the first subnet of us-east-1 in the default
// account is subnet-0c310000000001 followed by 00a. SeededID composes these ids.
//
// # CloudWatch
//
// CloudWatch has the metrics that EC2 and EBS send for machines that run, with quiet values;
// SetMetric of a Region changes them. PutMetricData and PublishMetric add others. Metric math
// and Metrics Insights are not simulated.
//
// Alarms are evaluated every minute of the world's clock, and their actions carried out: EC2
// actions on the instance, notifications into Notifications. The service-linked role for EC2
// actions comes with the first such alarm, unless iam:CreateServiceLinkedRole is denied.
//
// # Time
//
// The world has a clock of its own, which Advance moves: what is due in the skipped time
// happens one by one, each at its time, state changes of instances included. A service that
// has something to do later registers it with Simulator.at or after, and takes the time from
// Simulator.now; it must not have timers of its own. Both are called, and call back, with the
// simulator's lock held, and the order is that of the due times. What a client checks against
// its own clock, the end of credentials, goes by real time.
//
// # Accounts
//
// The account has the instance profile "cml-worker", the role "cml-admin" and the role
// "cml-scheduler", which EventBridge Scheduler may assume; instance
// types are those of InstanceTypes.
//
// Secrets Manager and the Parameter Store of Systems Manager are empty; SetSecret and
// SetParameter of a Region fill them. They answer GetSecretValue and GetParameter.
//
// Metadata is the metadata service of an instance, version 2 and, where its options allow it,
// version 1. The credentials that it gives out are accepted as those of an assumed role with
// the name of the instance profile; SetRolePolicy bounds what it may do.
package aws
