"""Training of a box head on a finished checkpoint, which stays as it is."""
