"""`python -m prepare.stats`: the content of a data set, counted and drawn."""
