# Looks after a worker in each plan and apply, and changes nothing: a check that
# fails is a warning. Values that could not be read are null, so that each
# condition says what null means to it.
#
# A root module of its own, so that a pending change of the worker holds nothing
# up here.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

variable "worker_id" {
  type        = string
  description = "EC2 instance id of the worker."
}

variable "cml_password" {
  type      = string
  sensitive = true
}

provider "cml" {
  region     = "us-east-1"
  controller = { username = "terraform", password = var.cml_password }
}

check "health" {
  data "cml_worker_health" "lab" {
    worker_id = var.worker_id
  }

  # A worker that is stopped is not reachable, and that is fine.
  assert {
    condition     = !data.cml_worker_health.lab.reachable || coalesce(data.cml_worker_health.lab.valid, false)
    error_message = "CML on the worker is not healthy: ${coalesce(data.cml_worker_health.lab.message, "it says so itself")}."
  }
}

check "licence" {
  data "cml_worker_license" "lab" {
    worker_id = var.worker_id
  }

  # The status is unknown while the worker is stopped.
  assert {
    condition     = data.cml_worker_license.lab.status == "unknown" || data.cml_worker_license.lab.valid && coalesce(data.cml_worker_license.lab.days_left, 365) > 14
    error_message = "The licence of CML needs attention: its status is ${data.cml_worker_license.lab.status}, and ${coalesce(data.cml_worker_license.lab.days_left, 0)} days are left."
  }
}

# What nobody uses costs as much as what somebody does.
data "cml_worker_idle" "lab" {
  worker_id      = var.worker_id
  idle_threshold = "2h"
}

data "cml_worker_cost" "lab" {
  worker_id = var.worker_id
}

check "idle_cost" {
  assert {
    condition     = data.cml_worker_idle.lab.reason != "idle"
    error_message = "Nobody has used the worker for two hours, and it costs ${coalesce(data.cml_worker_cost.lab.hourly_running, 0)} ${coalesce(data.cml_worker_cost.lab.currency, "USD")} an hour."
  }
}
