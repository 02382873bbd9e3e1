"""Running the steps: which run, in which processes, and what is kept of them."""
