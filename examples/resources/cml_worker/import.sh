# In the provider's region, or in another one; both forms mean the same.
terraform import cml_worker.lab i-0123456789abcdef0
terraform import cml_worker.lab i-0123456789abcdef0@us-west-2
terraform import cml_worker.lab us-west-2:i-0123456789abcdef0
