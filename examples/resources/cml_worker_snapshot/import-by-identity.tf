import {
  to = cml_worker_snapshot.before_upgrade
  identity = {
    id         = "snap-0123456789abcdef0,snap-0fedcba9876543210"
    region     = "us-west-2"    # default: the provider's
    account_id = "111122223333" # optional: refuse any other account
  }
}
