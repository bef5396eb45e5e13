"""The order of steps (routes.py, plain Python) and Dagster around it."""
