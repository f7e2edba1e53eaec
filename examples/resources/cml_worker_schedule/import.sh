# By schedule group and name, in the provider's region.
terraform import cml_worker_schedule.office_hours default/cml-i-0123456789abcdef0

# In another region.
terraform import cml_worker_schedule.office_hours default/cml-i-0123456789abcdef0@us-west-2
