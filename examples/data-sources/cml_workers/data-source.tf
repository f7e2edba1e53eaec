# Everything that runs CML in two regions, whoever launched it.
data "cml_workers" "fleet" {
  regions          = ["us-east-1", "us-west-2"]
  ami_name_pattern = "CML-*"
  probe            = true
}

output "versions" {
  value = { for w in data.cml_workers.fleet.workers : w.id => w.cml_version }
}

# Workers of this provider that this configuration does not know: they cost
# money, and nothing here will ever remove them.
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

data "cml_workers" "ours" {
  managed_only     = true
  known_worker_ids = [cml_worker.lab.id]
  account_id       = cml_worker.lab.account_id
}

check "orphans" {
  assert {
    condition     = length(data.cml_workers.ours.unknown_workers) == 0
    error_message = "Not in this configuration: ${join(", ", data.cml_workers.ours.unknown_workers[*].id)}"
  }
}
