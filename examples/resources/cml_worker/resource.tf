# The smallest worker: it is up when CML can start nodes.
resource "cml_worker" "smallest" {
  name          = "lab-01"
  ami_id        = "ami-0123456789abcdef0"
  instance_type = "m8i.2xlarge"
}

variable "admin_password" {
  type      = string
  ephemeral = true
}

# One with everything that is usually wanted.
resource "cml_worker" "lab" {
  name   = "lab-02"
  region = "us-east-1"

  ami_filter = {
    name_pattern = "CML-2.9.*" # the newest of them, pinned once it is launched
  }
  expected_cml_version = "2.9.1"

  instance_types     = ["m8i.4xlarge", "r8i.4xlarge", "m5zn.metal"] # where EC2 has no capacity, the next
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0fedcba9876543210"]
  security_group_ids = ["sg-0123456789abcdef0"]

  network = {
    public_ip = true
    eip       = { allocate = true } # an address that outlives a stop, released with the worker
  }

  controller = {
    hostname = "lab-02.example.net" # makes `url` known at plan
  }

  root_volume = {
    size_gib   = 200
    iops       = 4000
    throughput = 250
  }

  user_data_wo = provider::cml::cloud_init({
    hostname = "lab-02"
    admin    = { username = "admin", password = var.admin_password }
  })
  user_data_wo_version = 1
  user_data_change     = "replace"

  readiness = {
    until      = "ready"
    on_timeout = "keep" # a slow boot is a warning, and the next apply goes on waiting
  }

  protection = { termination = true }
  on_destroy = { final_snapshot = true } # from the apply after the one that sets it

  tags = { Owner = "netops" }

  timeouts {
    create = "1h"
  }
}

output "url" {
  value = cml_worker.lab.url # with cml_worker_power beside it: take it from there
}
