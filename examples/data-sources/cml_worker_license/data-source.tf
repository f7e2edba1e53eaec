data "cml_worker_license" "lab" {
  worker_id = "i-0123456789abcdef0"
}

# Asked in each plan and apply; a worker that is stopped is not valid.
check "licence" {
  assert {
    condition     = data.cml_worker_license.lab.valid && coalesce(data.cml_worker_license.lab.days_left, 0) > 14
    error_message = "The licence of CML needs attention: ${data.cml_worker_license.lab.status}."
  }
}

output "license" {
  value = {
    status    = data.cml_worker_license.lab.status
    ends      = data.cml_worker_license.lab.expires_at
    nodes     = data.cml_worker_license.lab.node_limit
    transport = data.cml_worker_license.lab.transport
  }
}
