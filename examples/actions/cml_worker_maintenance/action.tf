action "cml_worker_maintenance" "on" {
  config {
    worker_id = "i-0123456789abcdef0"
    enabled   = true
    notice    = "Upgrade until 20:00"
  }
}

action "cml_worker_stop_labs" "all" {
  config {
    worker_id = "i-0123456789abcdef0"
  }
}

action "cml_worker_maintenance" "off" {
  config {
    worker_id = "i-0123456789abcdef0"
    enabled   = false
  }
}

# Users out, labs stopped, the work itself, users in again.
resource "terraform_data" "upgrade" {
  input = "2.9.1"

  lifecycle {
    action_trigger {
      events  = [before_update]
      actions = [action.cml_worker_maintenance.on, action.cml_worker_stop_labs.all]
    }
    action_trigger {
      events  = [after_update]
      actions = [action.cml_worker_maintenance.off]
    }
  }
}
