"""Encode a prepared data set once for its trainings (`python -m prepare.cache`)."""
