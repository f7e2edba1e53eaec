variable "worker_id" {
  type    = string
  default = "i-0123456789abcdef0"
}

# terraform apply -invoke=action.cml_worker_start.lab
action "cml_worker_start" "lab" {
  config {
    worker_id      = var.worker_id
    readiness      = { until = "ready" }
    capacity_retry = { timeout = "30m" } # EC2 keeps no room for a stopped machine
    timeout        = "90m"
  }
}
