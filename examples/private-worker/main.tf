# A worker without a public address, reached over a VPN or from a runner in the
# same network.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

provider "cml" {
  region = "us-east-1"
}

resource "cml_worker" "private" {
  name               = "private-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]

  network = { public_ip = false }

  # From where no route leads to the worker, end the wait with EC2's own checks:
  # readiness = { until = "status_ok" }
}

output "url" {
  value = cml_worker.private.url # its private address, also while it is stopped
}
