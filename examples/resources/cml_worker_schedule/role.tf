# What EventBridge Scheduler assumes to start and stop the worker.
resource "aws_iam_role" "scheduler" {
  name = "cml-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = "111122223333" } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "start-and-stop-cml-workers"
  role = aws_iam_role.scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect    = "Allow"
        Action    = ["ec2:StartInstances", "ec2:StopInstances"]
        Resource  = "arn:aws:ec2:*:111122223333:instance/*"
        Condition = { StringEquals = { "aws:ResourceTag/cml:managed-by" = "terraform-provider-cml" } }
      },
      {
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = "arn:aws:sqs:us-east-1:111122223333:cml-schedules-failed"
      },
    ]
  })
}
