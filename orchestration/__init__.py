"""The order of steps (routes, plain Python) and Dagster around it."""
