resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  region          = cml_worker.lab.region
  controller      = cml_worker.lab.controller
  worker_revision = cml_worker.lab.revision # the worker's own restarts reach our outputs

  state = "running" # or "stopped"

  start = {
    readiness = {
      until      = "ready"
      on_timeout = "keep" # a slow boot is a warning; the next apply goes on waiting
    }
    capacity_retry = { timeout = "30m" } # EC2 keeps no room for a stopped machine
  }

  triggers = { rotate = "2026-11" } # changing it makes one stop and start
}

# Beside an idle policy, a schedule or people who stop the worker by hand:
# follow what they do, and act only when `state` or `triggers` change.
resource "cml_worker_power" "shared" {
  worker_id          = "i-0123456789abcdef0"
  state              = "running"
  on_external_change = "accept"

  stop = {
    drain = {
      maintenance_mode = true # until after the next start
      notice           = "This lab server stops at 19:00"
      wait_for_idle    = "10m"
      on_busy          = "stop_labs" # or "fail": nothing is stopped while nodes run
    }
  }
  on_destroy = { state = "stopped" } # from the apply after the one that sets it

  timeouts {
    create = "90m"
    update = "90m"
  }
}

# Without `state` the worker is only observed.
resource "cml_worker_power" "observed" {
  worker_id = "i-0fedcba9876543210"
}

output "url" {
  value = cml_worker_power.lab.url # right after each start, in the same apply
}
