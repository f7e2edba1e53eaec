# "2.7.0"
output "version" {
  value = provider::cml::version_from_name("CML-2.7.0-Ubuntu-22.04")
}

# A name that tells no version is an error, which try() turns into a value.
output "unknown" {
  value = try(provider::cml::version_from_name("golden-image"), "unknown")
}
