"""Replay: a model answers prompts of any kind, and its own answers become training data that keeps them."""
