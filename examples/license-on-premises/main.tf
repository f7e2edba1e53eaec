# A licence from a Smart Software Manager on your own premises: the worker talks
# to nobody at Cisco.

terraform {
  required_version = ">= 1.11" # for write-only arguments
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

variable "ami_id" {
  type = string
}

variable "subnet_id" {
  type = string
}

variable "security_group_id" {
  type = string
}

variable "cml_password" {
  type      = string
  ephemeral = true
}

variable "smart_token" {
  type        = string
  ephemeral   = true
  description = "Registration token of the local account in the Smart Software Manager."
}

provider "cml" {
  region     = "us-east-1"
  controller = { username = "admin", password = var.cml_password }
}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = var.ami_id
  instance_type      = "m8i.2xlarge"
  subnet_ids         = [var.subnet_id]
  security_group_ids = [var.security_group_id]

  user_data_wo = provider::cml::cloud_init({
    admin = { username = "admin", password = var.cml_password }
  })
  user_data_wo_version = 1
}

resource "cml_worker_power" "lab" {
  worker_id  = cml_worker.lab.id
  controller = cml_worker.lab.controller
  state      = "running"
}

resource "cml_worker_license" "lab" {
  worker_id        = cml_worker_power.lab.worker_id
  power_state      = cml_worker_power.lab.state
  controller       = cml_worker.lab.controller
  product          = "CML_Enterprise"
  token_wo         = var.smart_token
  token_wo_version = 1

  # The worker must reach it: by its subnet's routes and security groups, or
  # through the proxy.
  transport = {
    ssms = "https://ssm.example.net/SmartTransport"
    # proxy = { server = "proxy.example.net", port = 3128 }
  }

  # Destroying it gives the licence back, or fails. It counts from the apply
  # after the one that sets it.
  on_destroy = { release = "required" }
}

output "license_ends" {
  value = cml_worker_license.lab.expires_at
}
