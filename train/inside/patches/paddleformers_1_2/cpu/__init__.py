"""Patches without which a run fails or hangs on a machine without a GPU."""
