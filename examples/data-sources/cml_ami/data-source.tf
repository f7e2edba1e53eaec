# The newest image of your own account, by its name.
data "cml_ami" "latest" {
  name_pattern = "CML-2.9.*"
}

# One version exactly, shared by another account of yours.
data "cml_ami" "shared" {
  cml_version = "2.9.0"
  owners      = ["self", "111122223333"]
  region      = "us-west-2"
}

output "image" {
  value = "${data.cml_ami.latest.name} (CML ${data.cml_ami.latest.cml_version}) of ${data.cml_ami.latest.created_at}"
}
