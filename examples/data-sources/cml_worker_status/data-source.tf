variable "worker_id" {
  type        = string
  description = "EC2 instance id of a worker."
}

data "cml_worker_status" "lab" {
  worker_id = var.worker_id
}

# What AWS has scheduled, such as a reboot or the end of the host.
output "scheduled" {
  value = [for e in data.cml_worker_status.lab.events : "${e.code} from ${e.not_before}: ${e.description}"]
}

check "machine" {
  assert {
    condition     = data.cml_worker_status.lab.passed || data.cml_worker_status.lab.instance_state == "stopped"
    error_message = "EC2's checks of the worker: system ${data.cml_worker_status.lab.system_status}, instance ${data.cml_worker_status.lab.instance_status}."
  }
}
