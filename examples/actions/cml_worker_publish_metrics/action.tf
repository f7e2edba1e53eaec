# Of one of them: terraform apply -invoke='action.cml_worker_publish_metrics.lab["i-0123456789abcdef0"]'
action "cml_worker_publish_metrics" "lab" {
  for_each = toset(["i-0123456789abcdef0", "i-0fedcba9876543210"])

  config {
    worker_id     = each.value
    exclude_users = ["monitoring"]
  }
}
