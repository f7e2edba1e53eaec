# terraform apply -invoke=action.cml_worker_stop_labs.lab
action "cml_worker_stop_labs" "lab" {
  config {
    worker_id     = "i-0123456789abcdef0"
    wait_for_idle = "15m" # what ends by itself until then is not stopped
    timeout       = "30m"
  }
}
