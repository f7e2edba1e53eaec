# Workers by a table, a limit for what each may cost, and one CloudWatch dashboard
# over all of them.

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

variable "workers" {
  type        = map(object({ type = string, disk_gib = optional(number, 100) }))
  description = "The fleet, by name. A worker that leaves the table is destroyed."
  default = {
    alice = { type = "m8i.2xlarge" }
    bob   = { type = "m8i.2xlarge" }
    exam  = { type = "m8i.4xlarge", disk_gib = 300 }
  }
}

locals {
  region = "us-east-1"
}

provider "aws" {
  region = local.region
}

provider "cml" {
  region = local.region

  region_defaults = {
    (local.region) = {
      ami_id             = var.ami_id
      subnet_ids         = [var.subnet_id]
      security_group_ids = [var.security_group_id]
    }
  }

  # Plans beyond this are refused, per worker and hour, in the currency of the
  # price list. So are types whose price cannot be read.
  guardrails = {
    max_hourly_cost  = 1.5
    on_unknown_price = "error"
  }
}

resource "cml_worker" "fleet" {
  for_each = var.workers

  name          = each.key
  instance_type = each.value.type
  root_volume   = { size_gib = each.value.disk_gib }
  tags          = { Student = each.key }
}

data "cml_worker_dashboard" "fleet" {
  worker_ids = [for w in cml_worker.fleet : w.id]
  title      = "The fleet"
  annotate   = ["idle", "cost"]
}

resource "aws_cloudwatch_dashboard" "fleet" {
  dashboard_name = "cml-fleet"
  dashboard_body = data.cml_worker_dashboard.fleet.body
}

output "urls" {
  value = { for name, w in cml_worker.fleet : name => w.url }
}

# In their present state; null as long as a price cannot be read.
output "cost_per_hour" {
  value = try(sum([for w in cml_worker.fleet : w.hourly_cost_estimate]), null)
}
