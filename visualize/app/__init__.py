"""`python -m visualize.app`: ask a model about pictures in a browser."""
