# From another repository: the name is enough. Port and host name of CML come
# from the tags that the worker carries.
data "cml_worker" "lab" {
  name   = "lab-01"
  region = "us-west-2"
}

output "endpoint" {
  value = data.cml_worker.lab.connectable ? data.cml_worker.lab.url : null
}

data "cml_worker" "by_id" {
  id = "i-0123456789abcdef0"
}

data "cml_worker" "by_tags" {
  tags = {
    Owner = "netops"
    Stage = "staging"
  }
}
