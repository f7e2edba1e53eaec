variable "worker_ids" {
  description = "EC2 instance ids of the workers."
  type        = set(string)
}

# terraform apply -invoke='action.cml_worker_publish_metrics.lab["i-0123456789abcdef0"]'
action "cml_worker_publish_metrics" "lab" {
  for_each = var.worker_ids

  config {
    worker_id     = each.value
    exclude_users = ["monitoring"]
  }
}
