# Types that can run CML and have room for a fifth more than is needed now,
# cheapest first.
data "cml_instance_types" "fit" {
  min_vcpus        = 8
  min_memory_gib   = 32
  headroom_percent = 20
  virtualization   = ["nested"] # leaves bare metal out
  order_by         = "price"
}

data "cml_ami" "latest" {
  name_pattern = "CML-2.9.*"
}

# The first four are tried in order, until one is to be had.
resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = data.cml_ami.latest.id
  instance_types     = slice(data.cml_instance_types.fit.names, 0, min(4, length(data.cml_instance_types.fit.names)))
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]

  lifecycle {
    ignore_changes = [ami_id] # keep the image that was the newest at launch
  }
}
