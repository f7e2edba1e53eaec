data "cml_security_group_rules" "ports" {
  features = ["ui", "console", "ssh"]
}

# Who may come in is yours to say. One rule for each entry:
#
#   resource "aws_vpc_security_group_ingress_rule" "cml" {
#     for_each          = local.ports
#     security_group_id = aws_security_group.cml.id
#     cidr_ipv4         = "198.51.100.0/24"
#     ip_protocol       = each.value.protocol
#     from_port         = each.value.from_port
#     to_port           = each.value.to_port
#     description       = each.value.description
#   }
locals {
  ports = {
    for rule in data.cml_security_group_rules.ports.rules : "${rule.protocol}-${rule.from_port}" => rule
  }
}

output "ports" {
  value = local.ports
}
