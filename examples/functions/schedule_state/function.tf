# Office hours, in a configuration that is applied every ten minutes.
resource "cml_worker_power" "lab" {
  worker_id          = "i-0123456789abcdef0"
  state              = provider::cml::schedule_state(plantimestamp(), "Europe/Berlin", "Mon-Fri", "08:00", "19:00")
  on_external_change = "accept" # who starts it for the evening keeps it until the next change
}
