"""The doors people use: the command line. Calls orchestration.routes, as the Dagster assets do."""
