# The course ends on New Year's Eve: whatever happens, the worker stops then.
resource "cml_worker_schedule" "lease" {
  worker_id       = cml_worker.lab.id
  region          = cml_worker.lab.region
  name            = "course-lease" # a second schedule of the worker needs a name of its own
  role_arn        = aws_iam_role.scheduler.arn
  stop_at         = "2099-12-31T18:00:00Z"
  retry_window    = "1h"
  dead_letter_arn = "arn:aws:sqs:us-east-1:111122223333:cml-schedules-failed"
}
