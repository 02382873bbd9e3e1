"""Predictions against the truth: scores, intervals, comparisons."""
