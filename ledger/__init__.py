"""The hub's own paperwork in one SQLAlchemy database: runs, stages, confirmations, deliveries, receipts."""
