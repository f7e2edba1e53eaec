resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]
}

resource "cml_worker_snapshot" "before_upgrade" {
  worker_id   = cml_worker.lab.id
  region      = cml_worker.lab.region
  controller  = cml_worker.lab.controller
  description = "before the upgrade to 2.9"

  quiesce = "stop" # the worker is shut down, and starts again once the snapshots have begun
  retain  = true   # a destroy leaves the snapshots; from the apply after the one that sets it

  tags = { Purpose = "upgrade" }

  timeouts {
    create = "3h" # the first snapshot copies the whole volume
  }
}

output "root_snapshot_id" {
  value = cml_worker_snapshot.before_upgrade.root_snapshot_id # an image registered from it is the restore
}
