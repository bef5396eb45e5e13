"""The hub's own paperwork in one SQL database: runs, stages, confirmations, deliveries, receipts."""
