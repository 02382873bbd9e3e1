"""Blend: weights between a base model and the tuned one, scored on the new and the old task."""
