import {
  to = cml_worker.lab
  identity = {
    id     = "i-0123456789abcdef0"
    region = "us-west-2" # optional, as is account_id
  }
}
