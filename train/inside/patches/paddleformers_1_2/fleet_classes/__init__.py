"""Patches for the model classes of paddlefleet; they have not been run on a GPU."""
