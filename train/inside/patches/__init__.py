"""Patches of other libraries, in a folder for each version."""
