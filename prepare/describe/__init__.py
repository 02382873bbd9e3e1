"""`python -m prepare.describe`: a larger model describes the regions of a data set, and is checked."""
