"""Versions of the ledger, as Alembic migrations."""
