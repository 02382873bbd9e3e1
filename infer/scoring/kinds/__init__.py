"""Scores by kind of picture: where a model is good, and where it is not."""
