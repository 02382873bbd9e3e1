"""Metrics of resampled images, for bootstrap intervals."""
