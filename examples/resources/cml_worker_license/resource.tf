variable "smart_token" {
  description = "Registration token of the smart account."
  type        = string
  ephemeral   = true
}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

resource "cml_worker_power" "lab" {
  worker_id  = cml_worker.lab.id
  controller = cml_worker.lab.controller
  state      = "running"
}

# A destroy releases the licence first, then leaves the power state, then
# terminates the worker.
resource "cml_worker_license" "lab" {
  worker_id        = cml_worker_power.lab.worker_id
  power_state      = cml_worker_power.lab.state # registers again after a start
  controller       = cml_worker.lab.controller
  product          = "CML_Enterprise"
  token_wo         = var.smart_token # write-only: kept nowhere
  token_wo_version = 1               # raise it to register again with a new token
  extra_nodes      = 100
  renew_before     = "336h"

  on_destroy = {
    release          = "required" # skip, best_effort (default) or required
    start_if_stopped = true       # the default
    stop_labs        = false      # the default: labs are never stopped unasked
  }
}

# With a Smart Software Manager on your own premises, behind a proxy.
resource "cml_worker_license" "satellite" {
  worker_id = "i-0123456789abcdef0"
  product   = "CML_Enterprise"
  token_wo  = var.smart_token

  transport = {
    ssms  = "https://ssm.example.net/SmartTransport"
    proxy = { server = "proxy.example.net", port = 3128 }
  }
}

output "license_ends" {
  value = cml_worker_license.lab.expires_at
}
