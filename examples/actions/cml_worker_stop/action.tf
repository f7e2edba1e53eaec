variable "worker_id" {
  type    = string
  default = "i-0123456789abcdef0"
}

# terraform apply -invoke=action.cml_worker_stop.tonight
action "cml_worker_stop" "tonight" {
  config {
    worker_id = var.worker_id

    drain = {
      maintenance_mode = true # until after the next start
      notice           = "This lab server stops at 19:00"
      wait_for_idle    = "10m"
      on_busy          = "stop_labs" # or "fail": nothing is stopped while nodes run
    }
  }
}

# terraform apply -invoke=action.cml_worker_stop.unused
action "cml_worker_stop" "unused" {
  config {
    worker_id    = var.worker_id
    recheck_idle = { idle_threshold = "1h" } # an error if anybody uses it
  }
}

# What stops and starts the worker beside Terraform is accepted.
resource "cml_worker_power" "lab" {
  worker_id          = var.worker_id
  state              = "running"
  on_external_change = "accept"
}
