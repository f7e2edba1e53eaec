import {
  to = cml_worker_idle_policy.lab
  identity = {
    id         = "i-0123456789abcdef0"
    region     = "us-west-2"    # default: the provider's
    account_id = "111122223333" # optional: refuse any other account
  }
}
