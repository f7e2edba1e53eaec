# What `make demo-fleet` applies on a simulated AWS: five workers in two regions,
# which stop by themselves when nobody uses them. With real ids it works on the
# real one.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

provider "cml" {
  region_defaults = var.region_defaults

  # A plan that asks for more than this is refused before anything is launched.
  guardrails = { max_hourly_cost = 5 }
}

locals {
  workers = {
    class  = { region = "us-east-1", type = "m8i.2xlarge", state = "running" }
    idle   = { region = "us-east-1", type = "m8i.2xlarge", state = "running" }
    metal  = { region = "us-east-1", type = "m5zn.metal", state = "running" }
    team   = { region = "us-west-2", type = "m8i.4xlarge", state = "running" }
    parked = { region = "us-west-2", type = "m8i.2xlarge", state = "stopped" }
  }
}

resource "cml_worker" "fleet" {
  for_each = local.workers

  name          = each.key
  region        = each.value.region
  instance_type = each.value.type
  network       = { public_ip = true }
  readiness     = { interval = "1s" }
}

# The idle policies stop workers without Terraform: accept it.
resource "cml_worker_power" "fleet" {
  for_each = local.workers

  worker_id          = cml_worker.fleet[each.key].id
  region             = cml_worker.fleet[each.key].region
  controller         = cml_worker.fleet[each.key].controller
  worker_revision    = cml_worker.fleet[each.key].revision
  state              = each.value.state
  on_external_change = "accept"
}

resource "cml_worker_idle_policy" "fleet" {
  for_each = local.workers

  worker_id      = cml_worker.fleet[each.key].id
  region         = cml_worker.fleet[each.key].region
  idle_threshold = "30m"
}
