"""Scores of descriptions: the words that a model gave for a region, beside the true phrases."""
