output "worker_ids" {
  description = "Ids by name."
  value       = { for name, w in cml_worker.fleet : name => w.id }
}
