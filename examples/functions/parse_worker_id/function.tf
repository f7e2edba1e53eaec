# { id = "i-0123456789abcdef0", region = "us-west-2" }
output "parts" {
  value = provider::cml::parse_worker_id("i-0123456789abcdef0@us-west-2")
}
