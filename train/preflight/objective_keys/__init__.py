"""Checks of the keys that switch on a training objective."""
