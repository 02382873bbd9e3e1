"""`python -m visualize`: pictures and pages of data sets and predictions; `visualize.app`: ask a model."""
