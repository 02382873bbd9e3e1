"""`python -m visualize page`: a page to browse runs, opened from disk."""
