# The image's own script reboots the machine after a change of its settings.
resource "terraform_data" "settings" {
  input = "2026-11"

  lifecycle {
    action_trigger {
      events  = [after_update]
      actions = [action.cml_worker_wait.healthy]
    }
  }
}

action "cml_worker_wait" "healthy" {
  config {
    worker_id = "i-0123456789abcdef0"
    readiness = {
      until      = "healthy" # needs credentials of CML
      timeout    = "20m"
      stable_for = "2m"
    }
    timeout = "45m"
  }
}

# Until the schedule has stopped it: terraform apply -invoke=action.cml_worker_wait.stopped
action "cml_worker_wait" "stopped" {
  config {
    worker_id = "i-0123456789abcdef0"
    state     = "stopped"
    timeout   = "2h"
  }
}
