"""`python -m visualize page`: scores, images and filters for runs, opened from disk in a browser."""
