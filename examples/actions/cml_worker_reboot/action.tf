resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m5zn.metal"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

# By hand: terraform apply -invoke=action.cml_worker_reboot.lab
action "cml_worker_reboot" "lab" {
  config {
    worker_id  = cml_worker.lab.id
    region     = cml_worker.lab.region
    controller = cml_worker.lab.controller
    readiness  = { until = "ready", timeout = "20m" }
    timeout    = "1h"
  }
}

# Or whenever something else changes.
resource "terraform_data" "kernel" {
  input = "2026-11"

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.cml_worker_reboot.lab]
    }
  }
}
