# What `make demo` applies, step by step, on a simulated AWS. With real ids, and
# without the variables that the demo sets, it works on the real one.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

# Region, credentials and the account of CML come from AWS_* and CML_* variables.
provider "cml" {}

resource "cml_worker" "lab" {
  name               = "demo"
  ami_id             = var.ami_id
  instance_type      = "m8i.4xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]
  network            = { public_ip = true }

  readiness = {
    until    = "ready"
    interval = "1s"
  }

  tags = { Purpose = "demo" }
}

# Power is a resource of its own: stopping a worker never replaces it.
resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  controller      = cml_worker.lab.controller
  worker_revision = cml_worker.lab.revision
  state           = var.state

  start = { readiness = { until = "ready", interval = "1s" } }
}

# Stands for whatever needs the address: a DNS record, the cml2 provider, an
# inventory file. It sees the new one in the apply that starts the worker.
resource "terraform_data" "bookmark" {
  input = cml_worker_power.lab.url
}
