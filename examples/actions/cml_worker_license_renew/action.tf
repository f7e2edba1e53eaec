variable "worker_id" {
  description = "EC2 instance id of the worker."
  type        = string
}

# By hand: terraform apply -invoke=action.cml_worker_license_renew.lab
action "cml_worker_license_renew" "lab" {
  config {
    worker_id = var.worker_id
  }
}

# In a scheduled run, only what ends within two weeks.
action "cml_worker_license_renew" "soon" {
  config {
    worker_id    = var.worker_id
    renew_before = "336h"
    controller   = { credentials = { secretsmanager_secret_id = "cml/lab" } }
  }
}
