"""What data looks like: registrations, record types, code lists, identifiers. Imports nothing of ours."""
