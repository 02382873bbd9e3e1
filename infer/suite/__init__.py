"""`python -m infer.suite`: a checkpoint measured on several sets, and one table of all scores."""
