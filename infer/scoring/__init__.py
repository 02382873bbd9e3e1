"""Scores of predictions: measured, compared, and written as files and reports."""
