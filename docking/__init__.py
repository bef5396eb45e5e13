"""The upper platform: catalogue, packages, delivery, receipts, reconciliation. The only way out."""
