variable "worker_id" {
  type        = string
  description = "EC2 instance id of a worker."
}

data "cml_worker_cost" "lab" {
  worker_id = var.worker_id
}

# What an hour in which it is stopped saves; null where the price list cannot be
# read.
output "saved_by_an_hour_off" {
  value = try(data.cml_worker_cost.lab.hourly_running - data.cml_worker_cost.lab.hourly_stopped, null)
}

# What a larger one would cost.
data "cml_worker_cost" "larger" {
  instance_type = "m8i.4xlarge"
  volume        = { size_gib = 500, iops = 6000 }
}

check "budget" {
  assert {
    condition     = coalesce(data.cml_worker_cost.larger.monthly_if_always_on, 0) < 1000
    error_message = "A larger worker would cost ${coalesce(data.cml_worker_cost.larger.monthly_if_always_on, 0)} ${coalesce(data.cml_worker_cost.larger.currency, "USD")} a month."
  }
}
