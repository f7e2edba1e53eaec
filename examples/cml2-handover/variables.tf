variable "ami_id" {
  type        = string
  description = "Image with CML."
}

variable "subnet_id" {
  type        = string
  description = "Subnet of the worker, reachable from where Terraform runs."
}

variable "security_group_id" {
  type        = string
  description = "Security group that lets the port of CML in."
}

variable "cml_password" {
  type        = string
  description = "Password of CML's administrator."
  sensitive   = true
  ephemeral   = true
}
