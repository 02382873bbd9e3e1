"""Patches for the plain Paddle model classes, which need no paddlefleet (grounding_backend: plain)."""
