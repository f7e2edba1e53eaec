# The smallest worker: the provider block says once, for each region, what all of
# its workers share.

terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

provider "cml" {
  region = "us-east-1"

  worker_defaults = { instance_type = "m8i.2xlarge" }

  region_defaults = {
    "us-east-1" = {
      ami_filter         = { name_pattern = "CML-2.9.*" } # the newest image of your own account
      subnet_ids         = ["subnet-0123456789abcdef0"]
      security_group_ids = ["sg-0123456789abcdef0"]
    }
  }
}

resource "cml_worker" "lab" {
  name = "lab-01"
}

output "url" {
  value = cml_worker.lab.url
}
