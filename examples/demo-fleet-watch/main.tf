# Looks at the fleet and changes nothing: who is there, what it costs, who uses
# it, and which workers no configuration knows. A root module of its own, so
# that a pending change of a worker holds nothing up here.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

provider "cml" {}

variable "known_worker_ids" {
  type        = set(string)
  description = "Workers that a configuration knows: `terraform output -json worker_ids` beside them."
}

data "cml_workers" "all" {
  regions          = ["us-east-1", "us-west-2"]
  ami_name_pattern = "CML-*"
  known_worker_ids = var.known_worker_ids
}

locals {
  workers = { for w in data.cml_workers.all.workers : w.id => w }

  # CML is asked on our own machines only: nobody vouches for the certificate of
  # the others, so that no credentials go there.
  ours = { for id, w in local.workers : id => w if contains(var.known_worker_ids, id) }
}

data "cml_worker_status" "each" {
  for_each  = local.workers
  worker_id = each.key
  region    = each.value.region
}

data "cml_worker_health" "each" {
  for_each  = local.ours
  worker_id = each.key
  region    = each.value.region
}

data "cml_worker_idle" "each" {
  for_each  = local.ours
  worker_id = each.key
  region    = each.value.region
  snooze    = "10m"
}

data "cml_worker_metrics" "each" {
  for_each  = local.workers
  worker_id = each.key
  region    = each.value.region
  lookback  = "1h"
}

data "cml_worker_cost" "each" {
  for_each  = local.workers
  worker_id = each.key
  region    = each.value.region
}

output "fleet" {
  value = [for id, w in local.workers : {
    name           = w.name
    region         = w.region
    instance_type  = w.instance_type
    instance_state = w.instance_state
    checks_passed  = data.cml_worker_status.each[id].passed
    nodes_running  = try(data.cml_worker_health.each[id].nodes_running, null)
    cpu_percent    = data.cml_worker_metrics.each[id].cpu_percent
    idle           = try(data.cml_worker_idle.each[id].reason, "not ours")
    hourly_now     = w.instance_state == "stopped" ? data.cml_worker_cost.each[id].hourly_stopped : data.cml_worker_cost.each[id].hourly_running
  }]
}

output "orphans" {
  description = "Workers that cost money and that no configuration knows."
  value       = [for w in data.cml_workers.all.unknown_workers : "${w.name} (${w.id}, ${w.region})"]
}

output "missing" {
  value = data.cml_workers.all.missing_ids
}
