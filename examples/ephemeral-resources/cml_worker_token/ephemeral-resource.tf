# For the provider of labs (see the example cml2-handover): the session ends
# with the run.
ephemeral "cml_worker_token" "lab" {
  worker_id      = cml_worker_power.lab.worker_id
  instance_state = cml_worker_power.lab.instance_state # a plan that starts the worker waits with this for the apply
  controller     = cml_worker.lab.controller
  logout         = true
}

# Of another repository the id is enough: how CML is reached is in the tags of
# the worker.
ephemeral "cml_worker_token" "shared" {
  worker_id = "i-0123456789abcdef0"
  region    = "us-west-2"
}

resource "cml_worker" "lab" {
  name               = "lab-01"
  ami_id             = "ami-0123456789abcdef0"
  instance_type      = "m8i.2xlarge"
  subnet_ids         = ["subnet-0123456789abcdef0"]
  security_group_ids = ["sg-0123456789abcdef0"]

  # Plan, refresh and apply read the account of CML here, at each run anew.
  controller = {
    credentials = { secretsmanager_secret_id = "cml/lab-01" }
  }
}

resource "cml_worker_power" "lab" {
  worker_id       = cml_worker.lab.id
  worker_revision = cml_worker.lab.revision
  controller      = cml_worker.lab.controller
  state           = "running"
}
