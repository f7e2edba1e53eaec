terraform {
  required_version = ">= 1.8"
  required_providers {
    cml = { source = "cml-infra/cml" }
  }
}

variable "cml_password" {
  type      = string
  sensitive = true
}

provider "cml" {
  # The AWS side: what provider "aws" takes, with the same names and meaning.
  region              = "us-east-1"
  profile             = "labs"
  allowed_account_ids = ["111122223333"]

  assume_role {
    role_arn     = "arn:aws:iam::111122223333:role/cml-operator"
    session_name = "terraform-cml"
  }

  default_tags {
    tags = { CostCentre = "NET-42" }
  }

  # The CML side; a worker's own `controller` wins.
  controller = {
    username = "admin"          # CML_USERNAME
    password = var.cml_password # CML_PASSWORD; may be ephemeral
  }

  # What a worker takes where it says nothing itself, at creation.
  worker_defaults = {
    instance_type = "m8i.2xlarge"
    root_volume   = { size_gib = 200 }
  }
  region_defaults = {
    "us-east-1" = {
      ami_filter         = { name_pattern = "CML-2.9.*" }
      subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"]
      security_group_ids = ["sg-0123456789abcdef0"]
      key_name           = "cml-use1"
    }
  }

  # What a plan must not ask for.
  guardrails = {
    allowed_regions        = ["us-east-1", "us-west-2"]
    allowed_instance_types = ["m8i.*", "c8i.*", "r8i.*", "m5zn.metal"]
    max_hourly_cost        = 5
  }

  suppress_warnings = ["private_address_only"]
}
