"""`python -m prepare.shapes`: a synthetic source of coloured shapes."""
