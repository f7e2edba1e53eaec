variable "worker_id" {
  type        = string
  description = "EC2 instance id of a worker."
}

# The default: six metrics of CloudWatch in one request.
data "cml_worker_metrics" "lab" {
  worker_id = var.worker_id
}

# More, CML's own figures among them. How CML is reached comes from the managed
# tags of the worker, who asks from the provider's controller block.
data "cml_worker_metrics" "all" {
  worker_id  = var.worker_id
  metrics    = ["cpu", "network", "packets", "ebs", "ebs_ops", "credits", "status", "status_details", "system"]
  lookback   = "15m"
  thresholds = { cpu_percent = 80, disk_percent = 75 }
}

output "load" {
  value = {
    cpu_percent  = data.cml_worker_metrics.all.cpu_percent
    memory       = data.cml_worker_metrics.all.memory_percent
    mbit_in      = try(data.cml_worker_metrics.lab.network_in_bytes_per_second * 8 / 1000000, null)
    collected_at = data.cml_worker_metrics.lab.collected_at
  }
}

# Values are null where there are none; alerts never come from those.
check "load" {
  assert {
    condition     = length(data.cml_worker_metrics.all.alerts) == 0
    error_message = join("; ", data.cml_worker_metrics.all.alerts[*].message)
  }
}
