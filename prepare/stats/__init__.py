"""`python -m prepare.stats`: what a data set holds, counted and drawn."""
