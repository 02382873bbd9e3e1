"""Patches for some jobs: several nodes, a single process, curves of boxes."""
