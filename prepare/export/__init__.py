"""Prepared data sets, and the predictions of a run, in the formats of other tools."""
