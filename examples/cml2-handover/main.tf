# A worker and a lab on it, from nothing, in one apply: this provider makes the
# machine and hands a token to the provider "cml2", which makes the lab.

terraform {
  required_version = ">= 1.10" # ephemeral values; OpenTofu: 1.11
  required_providers {
    cml  = { source = "cml-infra/cml" }
    cml2 = { source = "ciscodevnet/cml2" }
  }
}

# Region and credentials of AWS come from AWS_* variables or the usual files.
provider "cml" {
  controller = {
    username = "admin"
    password = var.cml_password # ephemeral: in no plan and no state
  }
}

resource "cml_worker" "lab" {
  name               = "handover"
  ami_id             = var.ami_id
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]
}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  worker_revision = cml_worker.lab.revision
  controller      = cml_worker.lab.controller
  state           = "running"
}

# Taken once the worker runs and its CML is ready: the state of the instance is
# unknown in every plan that changes it. The session ends with the run.
ephemeral "cml_worker_token" "lab" {
  worker_id      = cml_worker_power.lab.worker_id
  instance_state = cml_worker_power.lab.instance_state
  controller     = cml_worker.lab.controller
  logout         = true
}

provider "cml2" {
  address        = cml_worker_power.lab.url
  token          = ephemeral.cml_worker_token.lab.token
  dynamic_config = true # address and token come with the apply

  # A new CML has a certificate that it signed itself, and cml2 cannot pin it.
  # Where that is not good enough give CML a certificate that verifies, its name
  # as `controller.hostname`, and here `cacert` instead.
  skip_verify = true
}

resource "cml2_lab" "branch" {
  title       = "Branch office"
  description = "Made by Terraform"
}

output "url" {
  value = cml_worker_power.lab.url
}

output "lab_id" {
  value = cml2_lab.branch.id
}
