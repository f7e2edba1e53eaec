# Stops a worker that nobody uses. Apply this every ten minutes, from cron or a
# scheduled pipeline: terraform apply -auto-approve
#
# It is a root module of its own, which knows the worker by its id only. Beside
# the worker itself, any pending change of the worker would make the
# recommendation unknown until apply. The provider's account of CML should be
# its own (here: terraform), since its logins do not count as activity.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

variable "cml_password" {
  type      = string
  sensitive = true
}

provider "cml" {
  region     = "us-east-1"
  controller = { username = "terraform", password = var.cml_password }
}

# --- the module ---

variable "worker_id" {
  type        = string
  description = "EC2 instance id of the worker."
}

data "cml_worker_idle" "lab" {
  worker_id      = var.worker_id
  idle_threshold = "30m"
}

# A worker that is stopped stays so, and one that somebody starts is left to
# them: a stop is recommended again only when it is idle again.
resource "cml_worker_power" "lab" {
  worker_id          = var.worker_id
  state              = data.cml_worker_idle.lab.recommended_state
  on_external_change = "accept"

  # Who comes back between plan and apply keeps the worker running.
  stop = {
    recheck_idle = { idle_threshold = "30m" }
  }
}

output "idle" {
  value = {
    reason      = data.cml_worker_idle.lab.reason
    stop_due_at = data.cml_worker_idle.lab.stop_due_at
    last        = data.cml_worker_idle.lab.last_activity_at
  }
}
