variable "ami_id" {
  type        = string
  description = "The CML image."
}

variable "subnet_id" {
  type        = string
  description = "A subnet whose instances can have public addresses."
}

variable "security_group_id" {
  type        = string
  description = "A security group that lets you reach CML."
}

variable "state" {
  type        = string
  description = "running or stopped."
  default     = "running"
}
