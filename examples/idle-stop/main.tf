# Stops a worker that nobody uses, while no Terraform runs: the worker itself
# tells CloudWatch how long nobody has used its CML.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = { source = "hashicorp/aws" }
    cml = { source = "cml-infra/cml" }
  }
}

variable "cml_password" {
  type      = string
  ephemeral = true
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

# {"username": "cml-publisher", "password": "…"}, an account of CML of its own that
# is no administrator. Make it in CML, or with cml2_user of ciscodevnet/cml2; until
# it is there the worker tries again, less and less often, at least every hour.
variable "publisher_secret_arn" {
  type        = string
  description = "ARN of the secret with the account of CML that the worker reads its metrics with."
}

locals {
  region = "us-east-1"
}

provider "aws" {
  region = local.region
}

provider "cml" {
  region     = local.region
  controller = { username = "admin", password = var.cml_password }
}

# --- what the worker may do: put its metrics, and read that one secret ---

data "cml_iam_policy" "publisher" {
  features    = ["publisher"]
  regions     = [local.region]
  secret_arns = [var.publisher_secret_arn]
}

resource "aws_iam_role" "worker" {
  name = "cml-lab-01"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ec2.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "publisher" {
  name   = "publisher"
  role   = aws_iam_role.worker.name
  policy = data.cml_iam_policy.publisher.json
}

resource "aws_iam_instance_profile" "worker" {
  name = "cml-lab-01"
  role = aws_iam_role.worker.name
}

# --- the worker ---

resource "cml_worker" "lab" {
  name                 = "lab-01"
  ami_id               = var.ami_id
  instance_type        = "m8i.2xlarge"
  subnet_ids           = [var.subnet_id]
  security_group_ids   = [var.security_group_id]
  iam_instance_profile = aws_iam_instance_profile.worker.name

  user_data_wo = provider::cml::cloud_init({
    hostname = "lab-01"
    admin    = { username = "admin", password = var.cml_password }
    publisher = {
      secretsmanager_secret_id = var.publisher_secret_arn
      # exclude_users = ["terraform"] # whose logins are no use of the lab
    }
  })
  user_data_wo_version = 1
}

# What the idle policy stops stays stopped: `accept` leaves it so.
resource "cml_worker_power" "lab" {
  worker_id          = cml_worker.lab.id
  controller         = cml_worker.lab.controller
  worker_revision    = cml_worker.lab.revision
  state              = "running"
  on_external_change = "accept"
}

# CloudWatch stops the worker when nobody has used it for half an hour. As long as
# the worker publishes nothing, nothing is stopped.
resource "cml_worker_idle_policy" "lab" {
  worker_id      = cml_worker.lab.id
  idle_threshold = "30m"

  # Tell somebody before:
  # idle_warning  = "20m"
  # sns_topic_arn = "arn:aws:sns:us-east-1:111122223333:cml-idle"
}
