"""The provincial platform: catalogue, packages, delivery, receipts. The only way out."""
