"""`python -m prepare.show`: records on a page, as training gives them to the model."""
