# terraform query -generate-config-out=adopted.tf
list "cml_worker" "all" {
  provider         = cml
  include_resource = true
  limit            = 100

  config {
    regions          = ["us-east-1", "us-west-2"]
    ami_name_pattern = "CML-*"
    ami_owners       = ["self"]
    states           = ["running", "stopped"]
  }
}
