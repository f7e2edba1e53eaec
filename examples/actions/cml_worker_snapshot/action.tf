variable "instance_type" {
  description = "Type of the worker."
  type        = string
  default     = "m5zn.metal"
}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = var.instance_type
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

# By hand: terraform apply -invoke=action.cml_worker_snapshot.lab
action "cml_worker_snapshot" "lab" {
  config {
    worker_id   = cml_worker.lab.id
    region      = cml_worker.lab.region
    controller  = cml_worker.lab.controller
    quiesce     = "stop_labs"
    description = "lab-01 before a change"
    tags        = { Purpose = "rollback" }
  }
}

# Or before each change of something on the worker.
resource "terraform_data" "release" {
  input = "2026-11"

  lifecycle {
    action_trigger {
      events  = [before_update]
      actions = [action.cml_worker_snapshot.lab]
    }
  }
}
