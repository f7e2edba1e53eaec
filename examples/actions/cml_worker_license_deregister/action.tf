# Before an image is made of the worker, which would carry the registration along:
# terraform apply -invoke=action.cml_worker_license_deregister.lab
action "cml_worker_license_deregister" "lab" {
  config {
    worker_id        = "i-0123456789abcdef0"
    start_if_stopped = true
    stop_labs        = true
    timeout          = "30m"
  }
}
