# By the instance id of the worker, in the provider's region.
terraform import cml_worker_idle_policy.lab i-0123456789abcdef0

# In another region.
terraform import cml_worker_idle_policy.lab i-0123456789abcdef0@us-west-2
