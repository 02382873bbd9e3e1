"""Encode the records of a training once, for every start of it (`python -m train.cache`)."""
