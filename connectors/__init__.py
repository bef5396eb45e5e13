"""Ways of reaching a system, one module a kind. `connectors.opening` finds a kind by its file name."""
