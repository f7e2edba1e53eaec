variable "region_defaults" {
  description = "Image, subnets and security groups of each region."
  type = map(object({
    ami_id             = string
    subnet_ids         = list(string)
    security_group_ids = set(string)
  }))
}
