variable "worker_ids" {
  type        = set(string)
  description = "EC2 instance ids of the workers, all of one region."
}

data "cml_worker_dashboard" "labs" {
  worker_ids     = var.worker_ids
  title          = "Labs of the network academy"
  metrics        = ["cpu", "network", "ebs", "status", "cml"]
  annotate       = ["idle", "cost"]
  idle_threshold = "30m" # as the cml_worker_idle that decides has it
}

resource "aws_cloudwatch_dashboard" "labs" {
  dashboard_name = "cml-labs"
  dashboard_body = data.cml_worker_dashboard.labs.body
}
