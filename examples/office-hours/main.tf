# A worker for office hours, and one that is lent until a day: EventBridge
# Scheduler starts and stops them, while no Terraform runs.

terraform {
  required_version = ">= 1.8"
  required_providers {
    aws = { source = "hashicorp/aws" }
    cml = { source = "cml-infra/cml" }
  }
}

variable "ami_id" {
  type = string
}

variable "subnet_id" {
  type = string
}

variable "security_group_id" {
  type = string
}

variable "lent_until" {
  type        = string
  default     = "2099-12-18T17:00:00Z"
  description = "When the lent worker stops. It stays stopped until somebody starts it; write a later moment to prolong the lease."
}

locals {
  region  = "us-east-1"
  workers = toset(["office", "lent"])
}

provider "aws" {
  region = local.region
}

provider "cml" {
  region = local.region
}

# --- what EventBridge Scheduler may do: start and stop workers of this provider ---

resource "aws_iam_role" "scheduler" {
  name = "cml-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = cml_worker.lab["office"].account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "start-and-stop-cml-workers"
  role = aws_iam_role.scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = ["ec2:StartInstances", "ec2:StopInstances"]
      Resource  = "arn:aws:ec2:${local.region}:*:instance/*"
      Condition = { StringEquals = { "aws:ResourceTag/cml:managed-by" = "terraform-provider-cml" } }
    }]
  })
}

# --- the workers ---

resource "cml_worker" "lab" {
  for_each = local.workers

  name               = each.key
  ami_id             = var.ami_id
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]
}

# What the schedules do is left as it is: `accept`. Change a trigger, or start the
# worker in the console, to use it out of hours.
resource "cml_worker_power" "lab" {
  for_each = local.workers

  worker_id          = cml_worker.lab[each.key].id
  controller         = cml_worker.lab[each.key].controller
  worker_revision    = cml_worker.lab[each.key].revision
  state              = "running"
  on_external_change = "accept"
}

resource "cml_worker_schedule" "office_hours" {
  worker_id  = cml_worker.lab["office"].id
  role_arn   = aws_iam_role.scheduler.arn
  timezone   = "Europe/Berlin"
  start_cron = "0 8 ? * MON-FRI *"
  stop_cron  = "0 19 ? * MON-FRI *"
}

resource "cml_worker_schedule" "lease" {
  worker_id = cml_worker.lab["lent"].id
  role_arn  = aws_iam_role.scheduler.arn
  stop_at   = var.lent_until
}
