package insight_test

// kinds are the data sources of this package.
var kinds = []string{"cml_worker_status", "cml_worker_health", "cml_worker_idle", "cml_worker_metrics", "cml_worker_cost"}
