# By hand: terraform apply -invoke=action.cml_worker_license_renew.lab
action "cml_worker_license_renew" "lab" {
  config {
    worker_id = "i-0123456789abcdef0"
  }
}

# In a scheduled run, only what ends within two weeks.
action "cml_worker_license_renew" "soon" {
  config {
    worker_id    = "i-0123456789abcdef0"
    renew_before = "336h"
    controller   = { credentials = { secretsmanager_secret_id = "cml/lab" } }
  }
}
