"""A run over a data set: answers written, resumed, merged."""
