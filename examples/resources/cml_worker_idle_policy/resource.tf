resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

# What the policy stopped stays stopped: power acts only when `state` or
# `triggers` change. Change a trigger to start the worker again.
resource "cml_worker_power" "lab" {
  worker_id          = cml_worker.lab.id
  region             = cml_worker.lab.region
  controller         = cml_worker.lab.controller
  worker_revision    = cml_worker.lab.revision
  state              = "running"
  on_external_change = "accept"
}

resource "cml_worker_idle_policy" "lab" {
  worker_id      = cml_worker.lab.id
  region         = cml_worker.lab.region
  idle_threshold = "45m" # the publisher on the worker tells how long CML was not used
  idle_warning   = "30m"
  sns_topic_arn  = "arn:aws:sns:us-east-1:111122223333:cml-idle"

  tags = { Purpose = "cost" }
}

# Without a publisher: by the processors alone, which know nothing of labs.
resource "cml_worker_idle_policy" "shared" {
  worker_id             = "i-0123456789abcdef0"
  signal                = "cpu"
  cpu_threshold_percent = 4
  idle_threshold        = "2h"
}

output "idle_alarm" {
  value = cml_worker_idle_policy.lab.alarm_name
}
