output "worker_id" {
  value = cml_worker.lab.id
}

output "cml_version" {
  value = cml_worker.lab.cml_version
}

output "instance_state" {
  value = cml_worker_power.lab.instance_state
}

output "url" {
  description = "Null while the worker is stopped."
  value       = cml_worker_power.lab.url
}

output "bookmark" {
  description = "What a dependant of the address saw."
  value       = terraform_data.bookmark.output
}
