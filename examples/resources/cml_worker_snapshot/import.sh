# By the snapshot ids, in the provider's region.
terraform import cml_worker_snapshot.before_upgrade snap-0123456789abcdef0,snap-0fedcba9876543210

# In another region.
terraform import cml_worker_snapshot.before_upgrade snap-0123456789abcdef0@us-west-2
