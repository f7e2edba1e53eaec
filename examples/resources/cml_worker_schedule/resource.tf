resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

# Office hours.
resource "cml_worker_schedule" "office_hours" {
  worker_id  = cml_worker.lab.id
  region     = cml_worker.lab.region
  role_arn   = aws_iam_role.scheduler.arn
  timezone   = "Europe/Berlin"
  start_cron = "0 8 ? * MON-FRI *"
  stop_cron  = "0 19 ? * MON-FRI *"
}

# What a schedule stopped stays stopped, and what it started stays running:
# power acts only when `state` or `triggers` change.
resource "cml_worker_power" "lab" {
  worker_id          = cml_worker.lab.id
  region             = cml_worker.lab.region
  controller         = cml_worker.lab.controller
  worker_revision    = cml_worker.lab.revision
  state              = "running"
  on_external_change = "accept"
}
