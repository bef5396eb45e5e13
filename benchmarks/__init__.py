"""Ratios against named baselines, measured in the same run."""
