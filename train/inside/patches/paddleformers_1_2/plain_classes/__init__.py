"""Patches for the plain Paddle model classes, which run without paddlefleet."""
