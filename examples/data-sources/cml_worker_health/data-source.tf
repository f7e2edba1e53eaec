variable "worker_id" {
  type        = string
  description = "EC2 instance id of a worker."
}

# How it is reached comes from the managed tags of the worker, who asks from the
# provider's controller block.
data "cml_worker_health" "lab" {
  worker_id = var.worker_id
}

output "load" {
  value = {
    reachable     = data.cml_worker_health.lab.reachable
    version       = data.cml_worker_health.lab.version
    nodes_running = data.cml_worker_health.lab.nodes_running
    disk_percent  = try(floor(100 * data.cml_worker_health.lab.disk.used / data.cml_worker_health.lab.disk.total), null)
  }
}

# Values are null where they could not be read, so ask for what you need.
check "cml" {
  assert {
    condition     = coalesce(data.cml_worker_health.lab.valid, false)
    error_message = "CML on the worker is not healthy: ${coalesce(data.cml_worker_health.lab.message, "it says so itself")}."
  }
}

# Another configuration that needs CML can wait for it here.
data "cml_worker_health" "ready" {
  worker_id = var.worker_id
  wait      = { until = "ready", timeout = "15m" }
}
