# false
output "new_enough" {
  value = provider::cml::version_at_least("2.7.0", "2.8")
}
