# By hand: terraform apply -invoke=action.cml_worker_snapshot.lab
action "cml_worker_snapshot" "lab" {
  config {
    worker_id   = "i-0123456789abcdef0"
    quiesce     = "stop_labs"
    description = "lab-01 before a change"
    tags        = { Purpose = "rollback" }
  }
}

# Or before each change of something on the worker.
resource "terraform_data" "release" {
  input = "2026-11"

  lifecycle {
    action_trigger {
      events  = [before_update]
      actions = [action.cml_worker_snapshot.lab]
    }
  }
}
