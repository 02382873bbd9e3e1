"""`python -m prepare.show`: records on a page, as the model sees them."""
