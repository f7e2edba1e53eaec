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

  suppress_warnings = ["private_address_only"]
}
