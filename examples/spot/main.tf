# Spot machines with a fallback over types and zones. A persistent request may be
# stopped, by you and by AWS, and is cancelled when the worker is destroyed.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

provider "cml" {
  region = "us-east-1"
}

resource "cml_worker" "spot" {
  name               = "spot-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_types     = ["m8i.2xlarge", "c8i.2xlarge", "r8i.4xlarge"]
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"]
  security_group_ids = ["sg-0123456789abcdef0"]

  market = {
    type         = "spot"
    max_price    = "1.20"
    interruption = "stop"
  }
}
