variable "worker_id" {
  type        = string
  description = "EC2 instance id of a worker."
}

data "cml_worker_idle" "lab" {
  worker_id      = var.worker_id
  idle_threshold = "45m"
  idle_warning   = "30m"
  exclude_users  = ["terraform", "monitoring"] # their logins are no activity
}

# See examples/auto-pause for the module that stops the worker.
output "idle" {
  value = "${data.cml_worker_idle.lab.reason}; a stop is due at ${coalesce(data.cml_worker_idle.lab.stop_due_at, "no time that is known")}"
}
