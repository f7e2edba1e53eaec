# For the pipeline that applies workers and stops idle ones, in one region, on
# nothing but what this provider has made.
data "cml_iam_policy" "pipeline" {
  features     = ["read", "create", "change", "power", "delete", "diagnose", "cost"]
  regions      = ["us-east-1"]
  require_tags = true
  role_arns    = ["arn:aws:iam::111122223333:role/cml-worker"]
}

# For people who only look.
data "cml_iam_policy" "readers" {
  features = ["read"]
}

# The text goes into `policy` of aws_iam_policy.
output "policy" {
  value = data.cml_iam_policy.pipeline.json
}
