# "https://203.0.113.9"
output "url" {
  value = provider::cml::worker_url("203.0.113.9", 443)
}

# "https://[2001:db8::9]:8443"
output "url_ipv6" {
  value = provider::cml::worker_url("2001:db8::9", 8443)
}
