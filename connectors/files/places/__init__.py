"""Where files lie: each place lists what is finished and fetches it."""
