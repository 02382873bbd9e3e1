"""Checks of a train recipe that run before any process starts."""
